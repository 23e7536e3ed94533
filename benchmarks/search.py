"""What searches find for the same number of replicate-steps: true error on images that none of them sees.

    python -m benchmarks.search [--data DIR|simulated] [--seeds 5] [--arms NAME ...] [--json FILE]

Every arm runs through the code of `tuner.run`, without finals. The best so far is the evaluation of the lowest RMSE
that the search itself can see; what it is truly worth is measured at the same moment, of the mean of the trial's
networks. The budget is what the grid spends; what other searches do beyond it is cut off.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.account import circumstances, save, table
from benchmarks.curve import improvements
from benchmarks.search_arms import ARMS, CPUS, Event
from benchmarks.search_task import Task, recorded_task, simulated_task
from benchmarks.search_trial import TRUTH

GRID = "grid + early stopping"
SHARES = (0.25, 0.5, 1.0)


def true_at(events: Sequence[Event], spent: float) -> float:
    """True RMSE of what is best after so many replicate-steps."""
    known = [event for event in improvements(events) if event.spent <= spent]
    return known[-1].true if known else float("nan")


def reached(events: Sequence[Event], target: float, budget: float) -> float:
    """Replicate-steps until what is best so far is truly no worse than the target, for good; infinite if never."""
    found = float("inf")
    for event in improvements([event for event in events if event.spent <= budget]):
        if event.true > target:
            found = float("inf")
        elif found == float("inf"):
            found = event.spent
    return found


def main() -> None:
    """The command."""
    options = _parser().parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tuner.raytune.resources import start_ray

    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder, "truth.npz")
        os.environ[TRUTH] = str(truth)
        start_ray(None, num_cpus=CPUS, num_gpus=0)
        results = list[dict[str, tuple[Event, ...]]]()
        for seed in range(options.seeds):
            results.append(_searched(_task(options.data, seed, truth), options.arms))
            save(options.json, {**circumstances("search"), "seeds": [_plain(result) for result in results]})
    print(told(results))


def told(results: list[dict[str, tuple[Event, ...]]]) -> str:
    """A table: medians over seeds, and the lowest and the highest."""
    rows = []
    for arm in results[0]:
        budgets = [result[GRID][-1].spent for result in results]
        ends = [true_at(result[GRID], budget) for result, budget in zip(results, budgets, strict=True)]
        events = [result[arm] for result in results]
        cells = [
            _median([true_at(one, share * budget) for one, budget in zip(events, budgets, strict=True)])
            for share in SHARES
        ]
        better = [true_at(one, budget) / end - 1 for one, budget, end in zip(events, budgets, ends, strict=True)]
        share = [reached(one, end, budget) / budget for one, end, budget in zip(events, ends, budgets, strict=True)]
        spent = [min(1.0, one[-1].spent / budget) for one, budget in zip(events, budgets, strict=True)]
        rows.append([arm, *cells, _median([100 * value for value in better], 1), _median(share, 2), _median(spent, 2)])
    header = [
        "arm",
        *(f"true RMSE at {share:.0%} of the budget" for share in SHARES),
        "against the grid's end, %",
        "as good as the grid's end after this share of the budget",
        "share spent",
    ]
    return table(header, rows)


def _searched(task: Task, arms: list[str]) -> dict[str, tuple[Event, ...]]:
    found = {}
    for arm in [GRID, *(name for name in arms if name != GRID)]:
        begun = time.perf_counter()
        found[arm] = ARMS[arm](task)
        best = improvements(found[arm])[-1]
        took = time.perf_counter() - begun
        print(
            f"seed {task.seed}  {arm:<26} {found[arm][-1].spent:>7} replicate-steps {took:>5.0f} s  "
            f"believed {best.believed:.4f}  true {best.true:.4f}",
            flush=True,
        )
    return found


def _plain(result: dict[str, tuple[Event, ...]]) -> dict[str, list[dict[str, float]]]:
    return {arm: [asdict(event) for event in events] for arm, events in result.items()}


def _median(values: list[float], digits: int = 4) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _task(data: str, seed: int, truth: Path) -> Task:
    return simulated_task(seed, truth) if data == "simulated" else recorded_task(data, seed, truth)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", default="simulated")
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    made.add_argument("--json", type=Path)
    return made


if __name__ == "__main__":
    main()
