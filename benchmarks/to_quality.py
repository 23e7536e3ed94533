"""Wall seconds until the best so far is as good on unseen images as what a plain grid of Ray Tune ends with.

    python -m benchmarks.to_quality --data DIR [--variants 12] [--seeds 1] [--quick] [--json FILE]

Some labelled images are private: the same ones always, and no search sees them. Both searches try the same variants of
base_configs/v4.yaml in the same order, one CPU a trial, as many trials at a time as there are cores. The plain one
evaluates on 20 images that it holds out, as often and with the same patience as ours, which cross-validates in 5 folds.
What each believes best so far is scored on the private images, after the search and without retraining: the plain
side's one network; ours as the mean of the five fold networks at the best step of the variant with the lowest pooled
RMSE. Seconds count from the call of Ray Tune's `fit`, with each search in a fresh process.
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.account import circumstances, save, table
from benchmarks.curve import Point, seconds_to
from benchmarks.our_search import our_search
from benchmarks.plain_search import plain_search
from benchmarks.quality_task import COUNTS, Task, task_of
from tuner.dataset.load import SIMULATED, find_dataset
from tuner.engine.process import available_cpus

Search = Callable[[Task], tuple[float, tuple[Point, ...]]]
SEARCHES: dict[str, Search] = {"plain": plain_search, "ours": our_search}
QUICK_STEPS = 16
HEADER = (
    "seed", "side", "ends after s", "believed RMSE", "private RMSE", "one network's", "reaches plain's after s", "times"
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one search of one seed came to.

    Attributes:
        seconds: From beginning to end.
        curve: The best so far over time.
    """

    seconds: float
    curve: tuple[Point, ...]


def outcomes(task: Task, *, plain_first: bool) -> dict[str, Outcome]:
    """Both searches, one after the other."""
    found = {}
    for side in SEARCHES if plain_first else reversed(SEARCHES):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            found[side] = Outcome(*fresh.submit(SEARCHES[side], task).result())
    return {side: found[side] for side in SEARCHES}


def reached(by_side: dict[str, Outcome], side: str) -> float | None:
    """When a side's best so far was, and stayed, as good as what the plain grid ends with."""
    return seconds_to(by_side[side].curve, by_side["plain"].curve[-1].private)


def rows(seed: int, by_side: dict[str, Outcome]) -> list[tuple[str, ...]]:
    """A seed's rows of the table; the last column holds the plain grid's seconds over ours."""
    found = []
    for side, outcome in by_side.items():
        last, seconds = outcome.curve[-1], reached(by_side, side)
        scores = (f"{value:.4f}" for value in (last.believed, last.private, last.private_single))
        when = "never" if seconds is None else f"{seconds:.1f}"
        times = "" if seconds is None or side == "plain" else f"{by_side['plain'].seconds / seconds:.1f}"
        found.append((str(seed), side, f"{outcome.seconds:.1f}", *scores, when, times))
    return found


def curves(by_side: dict[str, Outcome]) -> str:
    """One seed's curves, point by point."""
    points = sorted((point.seconds, side, point) for side, outcome in by_side.items() for point in outcome.curve)
    cells = (
        (f"{seconds:.1f}", side, f"{point.believed:.4f}", f"{point.private:.4f}") for seconds, side, point in points
    )
    return table(("s", "side", "believed RMSE", "private RMSE"), cells)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=SIMULATED, help="folder of a data set; the simulated one if not given")
    parser.add_argument("--variants", type=int, default=12, choices=COUNTS)
    parser.add_argument("--max-steps", type=int, default=150, help="of each trial")
    parser.add_argument("--private", type=int, default=120, help="labelled images that no search sees")
    parser.add_argument("--seeds", type=int, default=1, help="searches of each side; sides take turns in beginning")
    parser.add_argument("--quick", action="store_true", help=f"{COUNTS[0]} variants, 1 seed, {QUICK_STEPS} steps")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.quick:
        options.variants, options.seeds, options.max_steps = COUNTS[0], 1, QUICK_STEPS
    told = circumstances("to_quality")
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n")
    dataset = find_dataset(options.data)
    results: dict[int, dict[str, Outcome]] = {}
    for seed in range(options.seeds):
        task = task_of(
            dataset,
            private=options.private,
            variants=options.variants,
            max_steps=options.max_steps,
            seed=seed,
            cpus=available_cpus(),
        )
        results[seed] = outcomes(task, plain_first=seed % 2 == 0)
        print(f"\nseed {seed}\n\n{curves(results[seed])}")
    mean = task.mean_predictor
    print(f"\n{options.variants} variants; the mean predictor's private RMSE is {mean:.4f}\n")
    print(table(HEADER, [row for seed, by_side in results.items() for row in rows(seed, by_side)]))
    there = [
        by_side["plain"].seconds / seconds for by_side in results.values() if (seconds := reached(by_side, "ours"))
    ]
    print(f"\nours got there in {len(there)} of {len(results)} searches", end="")
    print(f"; there, the plain grid took {statistics.median(there):.1f} times as long (median)" if there else "")
    found = {
        str(seed): {side: {**asdict(outcome), "reached_s": reached(by_side, side)} for side, outcome in by_side.items()}
        for seed, by_side in results.items()
    }
    save(
        options.json,
        {
            **told,
            "data": dataset.source,
            "variants": options.variants,
            "mean_predictor": mean,
            "ratios": there,
            "seeds": found,
        },
    )


if __name__ == "__main__":
    main()
