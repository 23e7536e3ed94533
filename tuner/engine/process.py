"""What the process that owns a trial sets for itself. Importing `tuner` sets nothing."""

import ctypes
import os
import sys

import torch

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEEP_BELOW = 2**30


def own_process(threads: int, *, gpu: bool = True) -> torch.device:
    """The device to train on, a GPU if there is one and `gpu` allows it; this process is set up for training.

    glibc gives every block above 32 MiB back to the kernel when it is freed, and the next step faults each of its pages
    in again: half of a training step's time on a CPU. Telling it to keep blocks up to 1 GiB changes no result.
    """
    torch.set_num_threads(max(1, threads))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(M_MMAP_THRESHOLD, KEEP_BELOW)
            libc.mallopt(M_TRIM_THRESHOLD, KEEP_BELOW)
    return torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")


def available_cpus() -> int:
    """Number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
