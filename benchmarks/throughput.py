"""Replicate-steps a second: ours against the trainable that one writes after the tutorials of PyTorch and Ray Tune.

    python -m benchmarks.throughput [--data DIR] [--only "16*"] [--rounds 3] [--seconds 8] [--quick] [--json FILE]

Every measured side is made of fresh processes; sides alternate. A replicate-step is one training step of one network
on the images of four folds out of five. Ours trains the five networks of a pack in a process, the plain trainable one.
Where fewer cores were busy than the arrangement has, something else ran on them: compare replicate-steps a CPU-second.
Beside them, measured with the same processes and threads: how fast this machine multiplies matrices.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.account import circumstances, save, table
from benchmarks.networks import NETWORKS, ON_CPU, ON_GPU
from benchmarks.side import LOADER, MEMORY, OURS, PEAK, PLANS, Task
from benchmarks.together import together
from tuner.dataset.load import SIMULATED, Dataset, find_dataset
from tuner.engine.process import available_cpus

GPU_REPEATS = 2
HEADER = (
    "network", "side", "replicate-steps/s", "ours is faster by", "GFLOP/s", "precision", "of matrix peak", "busy cores",
    "a CPU-second", "peak MB",
)  # fmt: skip


@dataclass(frozen=True)
class Arrangement:
    """How many processes run at the same time, and what each may use.

    Attributes:
        name: For the reader.
        processes: Of each side, by its name.
        threads: Of each process.
        repeats: Of the folds, in a pack of ours.
    """

    name: str
    processes: dict[str, int]
    threads: int
    repeats: int = 1


@dataclass(frozen=True)
class Measured:
    """What one side's processes found together in one round.

    Attributes:
        replicate_steps_per_s: Of all processes.
        flops_per_s: Of all processes.
        precision: Of the products.
        peak_mb: Of the process that took most, above what it held after its imports; on a GPU, the GPU's.
        busy_cores: That all processes kept busy: less than they may use if something else ran.
        setup_s: From the data to the second training step, in the slowest process.
    """

    replicate_steps_per_s: float
    flops_per_s: float
    precision: str
    peak_mb: float
    busy_cores: float
    setup_s: float


def arrangements() -> tuple[Arrangement, ...]:
    """On a GPU ours has it alone, and two plain trials share it; on CPUs both sides are arranged alike."""
    cores = available_cpus()
    if torch.cuda.is_available():
        gpu = {PEAK: 1, **dict.fromkeys(PLANS, 1), MEMORY: 2}
        return (Arrangement("one pack, or two plain trials at 0.5 GPU each", gpu, max(1, cores // 2), GPU_REPEATS),)
    many, one = (dict.fromkeys((PEAK, OURS, LOADER, MEMORY), count) for count in (cores, 1))
    return (
        Arrangement(f"{cores} processes at a time, 1 thread each", many, 1),
        Arrangement(f"1 process, {cores} threads", one, cores),
    )


class Rounds:
    """Everything that was measured, round by round.

    Args:
        data: File with the data set's arrays.
        seconds: Of one measurement.
    """

    def __init__(self, data: Path, seconds: float) -> None:
        self._data, self._seconds = str(data), seconds
        self.peaks: dict[str, list[dict[str, float]]] = {}
        self.measured: dict[str, dict[str, dict[str, list[Measured]]]] = {}

    def run(self, index: int, networks: tuple[str, ...]) -> None:
        """One more round: the peak, then each network's sides, in the other order every other round."""
        for arrangement in arrangements():
            name = arrangement.name
            peaks = self._together(arrangement, PEAK, networks[0])
            total = {precision: sum(peak[precision] for peak in peaks) for precision in peaks[0]}
            self.peaks.setdefault(name, []).append(total)
            for network in networks:
                sides = [side for side in arrangement.processes if side != PEAK]
                for side in sides if index % 2 == 0 else reversed(sides):
                    measured = _sum(self._together(arrangement, side, network))
                    by_side = self.measured.setdefault(name, {}).setdefault(network, {side: [] for side in sides})
                    by_side[side].append(measured)
                    print(f"{name}: {network}: {side}: {measured.replicate_steps_per_s:.2f}", file=sys.stderr)

    def _together(self, arrangement: Arrangement, side: str, network: str) -> list[dict[str, Any]]:
        tasks = [
            Task(side, self._data, network, arrangement.repeats, index, arrangement.threads, self._seconds)
            for index in range(arrangement.processes[side])
        ]
        return together("benchmarks.side", [asdict(task) for task in tasks], arrangement.threads)


def rows(measured: dict[str, dict[str, list[Measured]]], peaks: list[dict[str, float]]) -> Iterator[tuple[str, ...]]:
    """The rows of one arrangement's table: medians over rounds, the best of the peaks, and the range of the ratio."""
    for network, sides in measured.items():
        for side, found in sides.items():
            rate = statistics.median(one.replicate_steps_per_s for one in found)
            flops = statistics.median(one.flops_per_s for one in found)
            peak = max(one[found[0].precision] for one in peaks)
            memory = max(one.peak_mb for one in found)
            ratio = "" if side == OURS else _ratio(sides[OURS], found)
            busy = statistics.median(one.busy_cores for one in found)
            per_cpu = statistics.median(one.replicate_steps_per_s / one.busy_cores for one in found)
            speed = (f"{flops / 1e9:.1f}", found[0].precision, f"{flops / peak:.0%}", f"{busy:.2f}", f"{per_cpu:.2f}")
            yield network, side, f"{rate:.2f}", ratio, *speed, f"{memory:.0f}"


def memory_law(measured: dict[str, dict[str, list[Measured]]], copy_mb: float) -> str:
    """Whether a trial of ours holds no more than a plain one and one copy of the data, for each network."""
    most = {
        network: {side: max(one.peak_mb for one in found) for side, found in sides.items()}
        for network, sides in measured.items()
    }
    lines = []
    for network, sides in most.items():
        plain_side = LOADER if LOADER in sides else MEMORY
        more = sides[OURS] - sides[plain_side]
        verdict = "kept" if more <= copy_mb else "broken"
        lines.append(
            f"{network}: {more:+.0f} MB against {plain_side}, a copy of the data is {copy_mb:.0f} MB: {verdict}"
        )
    return "\n".join(lines)


def _ratio(ours: list[Measured], plain: list[Measured]) -> str:
    ratios = [one.replicate_steps_per_s / other.replicate_steps_per_s for one, other in zip(ours, plain, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _sum(found: list[dict[str, Any]]) -> Measured:
    memory = "gpu_peak_mb" if torch.cuda.is_available() else "peak_mb"
    return Measured(
        replicate_steps_per_s=sum(one["replicate_steps_per_s"] for one in found),
        flops_per_s=sum(one["flops_per_s"] for one in found),
        precision=found[0]["precision"],
        peak_mb=max(one[memory] for one in found),
        busy_cores=sum(one["busy_cores"] for one in found),
        setup_s=max(one["setup_s"] for one in found),
    )


def _write(dataset: Dataset, path: Path) -> None:
    np.savez(
        path,
        images=dataset.images,
        responses=dataset.responses,
        labelled=dataset.labelled,
        neurons=np.array(dataset.neurons),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=SIMULATED, help="folder of a data set; the simulated one if not given")
    parser.add_argument("--only", default="*", help="networks by name; * stands for anything")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of one measurement")
    parser.add_argument("--quick", action="store_true", help="one round of 2 seconds each")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = _options()
    count, seconds = (1, 2.0) if options.quick else (options.rounds, options.seconds)
    told = circumstances("throughput")
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n")
    dataset = find_dataset(options.data)
    gpu = torch.cuda.is_available()
    networks = tuple(name for name in (ON_GPU if gpu else ON_CPU) if fnmatchcase(name, options.only))
    if not networks:
        raise SystemExit(f"--only {options.only}: the networks are {', '.join(NETWORKS)}")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data.npz")
        _write(dataset, data)
        rounds = Rounds(data, seconds)
        for index in range(count):
            rounds.run(index, networks)
    copy_mb = 4 * dataset.images[dataset.labelled].size / 2**20
    for name, measured in rounds.measured.items():
        peaks = rounds.peaks[name]
        shown = ", ".join(f"{p} {max(one[p] for one in peaks) / 1e9:.0f}" for p in peaks[0])
        print(f"\n{name}; matrix products, GFLOP/s: {shown}\n\n{table(HEADER, rows(measured, peaks))}\n")
        print(memory_law(measured, copy_mb))
    found = {
        arrangement: {
            network: {side: [asdict(one) for one in results] for side, results in sides.items()}
            for network, sides in by_network.items()
        }
        for arrangement, by_network in rounds.measured.items()
    }
    save(options.json, {**told, "data": dataset.source, "copy_mb": copy_mb, "peaks": rounds.peaks, "measured": found})


if __name__ == "__main__":
    main()
