"""What the process that owns a trial sets for itself. Importing `tuner` sets nothing."""

import ctypes
import os
import sys

import torch

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEEP_BELOW = 2**30
USABLE = 0.95
"""Of a GPU's memory: each process on it takes some for CUDA itself."""


def own_process(threads: int, *, gpu: float = 1) -> torch.device:
    """The device to train on, a GPU if there is one and `gpu` allows it; this process is set up for training.

    With a part of a GPU it gets no more than that part of its memory: a step that does not fit is taken in smaller
    stacks, and the processes beside this one have theirs.

    glibc gives every block above 32 MiB back to the kernel when it is freed, and the next step faults each of its pages
    in again: half of a training step's time on a CPU. Telling it to keep blocks up to 1 GiB changes no result.

    Args:
        threads: That it may use.
        gpu: The part of one that it may use.
    """
    torch.set_num_threads(max(1, threads))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(M_MMAP_THRESHOLD, KEEP_BELOW)
            libc.mallopt(M_TRIM_THRESHOLD, KEEP_BELOW)
    if not gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if gpu < 1:
        torch.cuda.set_per_process_memory_fraction(gpu * USABLE)
    return torch.device("cuda")


def available_cpus() -> int:
    """Number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
