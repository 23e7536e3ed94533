"""Whether a schedule that a population found is worth, retrained on all images, what was reported of it.

    python -m benchmarks.schedule [--seeds 5] [--json FILE]

Each seed is a simulated experiment of its own (`honesty_task.py`): `python -m tuner.run --search pbt` gets it as files,
as a user would call it. What is told of the bundle is held against its true RMSE, on images that nobody saw, and
divided by the standard error that was told with it.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.account import circumstances, save, table
from benchmarks.honesty_task import Task, luck_of, task_of
from benchmarks.search_task import SIMULATED, simulated_base
from tuner.config import dump_config
from tuner.dataset.load import Dataset
from tuner.promotion.predict import load_bundle, predict

ROOT = Path(__file__).parents[1]
NORMAL_95 = 1.959964
"""Standard errors on each side of a 95 % interval."""


@dataclass(frozen=True)
class Outcome:
    """One experiment.

    Attributes:
        told: RMSE that the bundle is said to have.
        se: Its standard error, by its interval.
        true: RMSE of the bundle on images that nobody saw.
        base: RMSE that a network of the base config is said to have.
        phases: Configs of the winner's schedule.
        luck: How much harder the labelled images are than all, as a share: see `luck_of`.
    """

    told: float
    se: float
    true: float
    base: float | None
    phases: int
    luck: float

    @property
    def errors(self) -> float:
        """How many standard errors lie between what was told and the truth."""
        return (self.told - self.true) / self.se


def outcome_of(seed: int) -> Outcome:
    """A run on the experiment of this number, and what its bundle is worth."""
    task = task_of(seed, null=False)
    with tempfile.TemporaryDirectory() as folder:
        _write(task.dataset, Path(folder))
        config = Path(folder, "config.yaml")
        config.write_text(dump_config(simulated_base(task)))
        where = ["-g", "schedule", "-n", str(seed), "--storage", str(Path(folder, "ray_results")), "--seed", str(seed)]
        files = ["--data", folder, "--config", str(config), "--mutations", str(SIMULATED)]
        command = [sys.executable, "-m", "tuner.run", *where, *files, "--search", "pbt"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return _outcome(task, Path(folder, "ray_results", "schedule", str(seed)))


def _outcome(task: Task, place: Path) -> Outcome:
    told = json.loads((place / "verdict.json").read_text())
    low, high = told["rmse_interval"]
    images = task.truth.images.numpy().transpose(0, 2, 3, 1)
    schedules = [
        json.loads(file.read_text())
        for file in sorted((place / told["variant"]).glob("checkpoint_*/lineage.json"))[-1:]
    ]
    return Outcome(
        told=told["rmse"],
        se=(high - low) / (2 * NORMAL_95),
        true=task.truth.rmse(predict(load_bundle(place / "best"), images)),
        base=told["base_network_rmse"],
        phases=max((len(schedule) for schedule in schedules), default=1),
        luck=luck_of(task),
    )


def _write(dataset: Dataset, folder: Path) -> None:
    """The data set in the challenge's format."""
    np.save(folder / "stim.npy", dataset.images)
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Id", *dataset.neurons])
        for image, responses in zip(dataset.labelled, dataset.responses, strict=True):
            writer.writerow([image, *("" if np.isnan(value) else repr(float(value)) for value in responses)])


def report(outcomes: list[Outcome]) -> str:
    """A row a seed, and the mean."""
    rows = [
        [
            str(seed),
            str(one.phases),
            f"{one.told:.4f}",
            f"{one.se:.4f}",
            f"{one.true:.4f}",
            f"{one.errors:+.2f}",
            f"{one.luck:+.1%}",
        ]
        for seed, one in enumerate(outcomes)
    ]
    mean = statistics.fmean(one.errors for one in outcomes)
    return table(
        ["seed", "configs of the winner", "told", "standard error", "true", "difference in standard errors", "luck"],
        [*rows, ["mean", "", "", "", "", f"{mean:+.2f}", f"{statistics.fmean(one.luck for one in outcomes):+.1%}"]],
    )


def main() -> None:
    """The benchmark."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--json", type=Path)
    options = made.parse_args()
    outcomes: list[Outcome] = []
    for seed in range(options.seeds):
        outcomes.append(outcome_of(seed))
        print(outcomes[-1], flush=True)
        save(options.json, {**circumstances("schedule"), "outcomes": [asdict(one) for one in outcomes]})
    print(report(outcomes))


if __name__ == "__main__":
    main()
