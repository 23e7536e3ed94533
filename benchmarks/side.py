"""One process of one side of `throughput`: trains for a while, and prints how fast and with how much memory.

It is started by `throughput`; see `Task` for what it is told.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.matrix_peak import matrix_peak
from benchmarks.networks import NETWORKS, step_flops
from benchmarks.plain import Responses, images_of, loader_of, plain_net, train_step, transform_of, whole_batch
from benchmarks.together import READY
from tuner.config import Config
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split, make_splits
from tuner.engine.images import mean_response
from tuner.engine.pack import Pack
from tuner.engine.plan import Plan
from tuner.engine.process import own_process
from tuner.settings import replaced

PEAK, OURS, LOADER, MEMORY = "peak", "ours", "plain", "plain, no DataLoader"
ALL = 1_000_000
PLANS = {
    OURS: None,
    "ours, loop": Plan(1),
    "ours, loop, graphs": Plan(1, recorded=True),
    "ours, streams": Plan(1, streams=True),
    "ours, stacked": Plan(ALL),
    "ours, stacked, graphs": Plan(ALL, recorded=True),
}
"""Our sides; the first measures by itself which of the others is fastest."""

CHUNKS = 8
"""Parts into which a measurement is cut, where a step is short enough."""


@dataclass(frozen=True)
class Task:
    """What a process does.

    Attributes:
        side: Who trains; `peak` multiplies matrices instead.
        data: File with the data set's arrays.
        network: Name of what is trained.
        repeats: Of the folds in a pack.
        index: Of this process among those that run at the same time.
        threads: That it may use.
        seconds: For how long it measures.
    """

    side: str
    data: str
    network: str
    repeats: int
    index: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class Contestant:
    """Something that trains.

    Attributes:
        train: Takes as many steps as it is told.
        images: Of a step, for each replicate.
        precision: Of its products.
    """

    train: Callable[[int], object]
    images: tuple[int, ...]
    precision: str


def ours(config: Config, dataset: Dataset, splits: tuple[Split, ...], task: Task) -> Contestant:
    """A pack of all replicates."""
    device = own_process(task.threads)
    pack = Pack(config, dataset, splits, seed=task.index, device=device, plan=PLANS[task.side])
    return Contestant(pack.train, tuple(len(split.train) for split in splits), pack.precision)


def plain(config: Config, dataset: Dataset, splits: tuple[Split, ...], task: Task) -> Contestant:
    """One replicate; on a GPU its images lie there from the beginning."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = splits[task.index % len(splits)].train
    images = images_of(dataset.images[dataset.labelled[rows]], config.model.image_size).to(device)
    responses = torch.from_numpy(dataset.responses[rows]).to(device)
    net = plain_net(config.model, mean_response(responses)).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.training.learning_rate)
    data = Responses(images, responses, transform_of(config.data.distortions))
    loader = loader_of(data)

    def train(steps: int) -> None:
        for _ in range(steps):
            for batch in loader if task.side == LOADER else [whole_batch(data)]:
                train_step(net, optimizer, *batch)

    return Contestant(train, (len(rows),), "fp32")


def measure(task: Task) -> dict[str, Any]:
    """Replicate-steps and operations a second, and the peak of memory above what was there after the imports."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports what the first optimiser imports
    before = _memory_mb(reset=True)
    start = time.perf_counter()
    dataset = _dataset(task.data)
    config = fitted(NETWORKS[task.network], dataset)
    data = replaced(config.data, {"repeats": task.repeats})
    splits = make_splits(data, len(dataset.labelled))
    contestant = (ours if task.side in PLANS else plain)(config, dataset, splits, task)
    step_s = _seconds_of_step(contestant)  # the first allocates, and may choose between ways
    if step_s < task.seconds / CHUNKS:
        step_s = _seconds_of_step(contestant)
    setup_s = time.perf_counter() - start
    steps_a_chunk = max(1, round(task.seconds / CHUNKS / step_s))
    _wait_for_the_others()
    start, busy, steps = time.perf_counter(), time.process_time(), 0
    while (elapsed := time.perf_counter() - start) < task.seconds:
        contestant.train(steps_a_chunk)
        steps += steps_a_chunk
    flops = sum(step_flops(config.model, len(dataset.neurons), images) for images in contestant.images)
    return {
        "replicate_steps_per_s": steps * len(contestant.images) / elapsed,
        "flops_per_s": steps * flops / elapsed,
        "precision": contestant.precision,
        "peak_mb": _memory_mb() - before,
        "gpu_peak_mb": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0,
        "busy_cores": (time.process_time() - busy) / elapsed,
        "setup_s": setup_s,
    }


def _seconds_of_step(contestant: Contestant) -> float:
    start = time.perf_counter()
    contestant.train(1)
    return time.perf_counter() - start


def peak(task: Task) -> dict[str, float]:
    """Operations a second of matrix products."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    matrix_peak(device, 0.1)
    _wait_for_the_others()
    return matrix_peak(device, task.seconds)


def _dataset(path: str) -> Dataset:
    arrays = np.load(path)
    neurons = tuple(str(name) for name in arrays["neurons"])
    return Dataset(arrays["images"], arrays["responses"], arrays["labelled"], neurons, path)


def _wait_for_the_others() -> None:
    sys.stdout.write(READY)
    sys.stdout.flush()
    sys.stdin.readline()


def _memory_mb(*, reset: bool = False) -> float:
    """The most memory that this process has held, since the last reset where Linux allows one.

    `getrusage` would count what the parent held when it started this process.
    """
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 2**10


if __name__ == "__main__":
    told = Task(**json.loads(sys.argv[1]))
    print(json.dumps(peak(told) if told.side == PEAK else measure(told)))
