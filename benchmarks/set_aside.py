"""What a user of `tuner.run` is told, and what it turns out to be on images that were set aside before.

    python -m benchmarks.set_aside --data DIR [--parts 5] [--plain 1] [--json FILE] [-- options of tuner.run]

The labelled images are cut into parts at random. Each part in turn is private: its rows are taken out of `train.csv`,
`python -m tuner.run` gets what is left, as a user would call it, and the bundle and the baselines fitted to the same
images predict the private ones. One part's RMSE has a standard error of several percent, since its images may be easy
or hard; over all parts, every image is private once and told of in all other parts, so that most of this cancels.

On the first parts, as many as `--plain` says, a plain grid of Ray Tune (`plain_search.py`, 24 variants) sees the same
images, as long as it takes.
"""

import argparse
import csv
import json
import math
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.account import circumstances, save, table
from benchmarks.plain_search import plain_search
from benchmarks.quality_task import COUNTS, task_without
from tuner.dataset.load import Dataset, find_dataset
from tuner.dataset.splits import Split
from tuner.engine.metrics import pooled_rmse
from tuner.engine.process import available_cpus
from tuner.promotion.predict import load_bundle, predict
from tuner.seeding import seed_of
from tuner.selection.baselines import baseline_predictions

ROOT = Path(__file__).parents[1]
BASE = ROOT / "base_configs" / "v4.yaml"
PLAIN_STEPS = 150


@dataclass(frozen=True)
class Plain:
    """A plain grid of Ray Tune.

    Attributes:
        seconds: From its beginning to its end.
        believed: The lowest RMSE on its 20 images.
        private: RMSE of that network on the private images.
    """

    seconds: float
    believed: float
    private: float


@dataclass(frozen=True)
class Outcome:
    """One part.

    Attributes:
        entries: Responses to its images.
        seconds: That `tuner.run` took, as a whole command.
        told: RMSE of the bundle by `verdict.json`, and the ends of its interval.
        believed: The lowest RMSE of the search's curve of the winner.
        private: RMSE of the bundle and of each baseline on the private images.
        winner: Its name.
        better: Whether it is said to be better than the base config.
        networks: In the bundle.
        plain: A plain grid on the same images; None if there was none.
    """

    entries: int
    seconds: float
    told: tuple[float, float, float]
    believed: float
    private: dict[str, float]
    winner: str
    better: bool
    networks: int
    plain: Plain | None


def outcome_of(
    dataset: Dataset, source: Path, out: npt.NDArray[np.int64], number: int, arguments: list[str], *, plain: bool
) -> Outcome:
    """A run without the labelled images at the positions `out`, and what its bundle is worth on them."""
    with tempfile.TemporaryDirectory() as folder:
        data, storage = Path(folder, "data"), Path(folder, "ray_results")
        _write(source, data, {int(image) for image in dataset.labelled[out]})
        where = ["-g", "set_aside", "-n", f"part-{number}", "--data", str(data), "--storage", str(storage)]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tuner.run", *where, *arguments], cwd=ROOT, check=True)
        seconds = time.perf_counter() - start
        place = storage / "set_aside" / f"part-{number}"
        told = json.loads((place / "verdict.json").read_text())
        predictions = predict(load_bundle(place / "best"), dataset.images[dataset.labelled[out]])
    split = (Split(0, 0, np.setdiff1d(np.arange(len(dataset.labelled)), out), out),)
    images = dataset.images[dataset.labelled]
    others = baseline_predictions(images, dataset.responses, split, seed=number)
    return Outcome(
        entries=int(np.isfinite(dataset.responses[out]).sum()),
        seconds=seconds,
        told=(told["rmse"], *told["rmse_interval"]),
        believed=told["search_rmse_lowest_of_curve"],
        private={
            "bundle": pooled_rmse(predictions[None], dataset.responses[out])[0],
            **{name: pooled_rmse(found[:, out], dataset.responses[out])[0] for name, found in others.items()},
        },
        winner=told["variant"],
        better=told["better_than_base"],
        networks=told["num_networks"],
        plain=_plain(dataset, out, number) if plain else None,
    )


def _plain(dataset: Dataset, out: npt.NDArray[np.int64], number: int) -> Plain:
    task = task_without(dataset, out, variants=COUNTS[-1], max_steps=PLAIN_STEPS, seed=number, cpus=available_cpus())
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        seconds, curve = fresh.submit(plain_search, task).result()
    return Plain(seconds, curve[-1].believed, curve[-1].private)


def _write(source: Path, target: Path, private: set[int]) -> None:
    """The data set without the private rows."""
    target.mkdir()
    shutil.copy(source / "stim.npy", target)
    with (source / "train.csv").open(newline="") as old, (target / "train.csv").open("w", newline="") as new:
        reader, writer = csv.reader(old), csv.writer(new, lineterminator="\n")
        writer.writerow(next(reader))
        writer.writerows(row for row in reader if int(row[0]) not in private)


def report(outcomes: Sequence[Outcome]) -> str:
    """A row a part, and all of them pooled."""
    names = list(outcomes[0].private)
    header = ["part", "s", "told", "95 % interval", "told / private", "search believed"]
    rows = [
        [
            str(number),
            f"{one.seconds:.0f}",
            f"{one.told[0]:.4f}",
            f"{one.told[1]:.4f} to {one.told[2]:.4f}",
            f"{one.told[0] / one.private['bundle'] - 1:+.1%}",
            f"{one.believed:.4f}",
            *(f"{one.private[name]:.4f}" for name in names),
            *(_plain_cells(one.plain)),
        ]
        for number, one in enumerate(outcomes)
    ]
    told, private = _pooled(outcomes, lambda one: one.told[0]), _pooled(outcomes, lambda one: one.private["bundle"])
    rows.append(
        [
            "all",
            f"{np.mean([one.seconds for one in outcomes]):.0f}",
            f"{told:.4f}",
            "",
            f"{told / private - 1:+.1%}",
            f"{_pooled(outcomes, lambda one: one.believed):.4f}",
            *(f"{_pooled(outcomes, partial(_private, name)):.4f}" for name in names),
            *_plain_cells(None),
        ]
    )
    plain = ["plain grid: s", "believed", "private"]
    return table([*header, *(f"private: {name}" for name in names), *plain], rows)


def _plain_cells(plain: Plain | None) -> list[str]:
    return ["", "", ""] if plain is None else [f"{plain.seconds:.0f}", f"{plain.believed:.4f}", f"{plain.private:.4f}"]


def _private(name: str, one: Outcome) -> float:
    return one.private[name]


def _pooled(outcomes: Sequence[Outcome], rmse: Callable[[Outcome], float]) -> float:
    """The root of the squared error pooled over the entries of all parts."""
    entries = sum(one.entries for one in outcomes)
    return math.sqrt(sum(one.entries * rmse(one) ** 2 for one in outcomes) / entries)


def main() -> None:
    """The benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of a data set")
    parser.add_argument("--config", default=str(BASE), help="base config")
    parser.add_argument("--parts", type=int, default=5, help="into which the labelled images are cut")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the parts to run, from 0; all, if not given")
    parser.add_argument("--plain", type=int, default=0, help="parts on which a plain grid is run, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("arguments", nargs="*", help="further options of tuner.run, after --")
    options = parser.parse_args()
    dataset = find_dataset(str(options.data))
    order = np.random.default_rng(seed_of("set aside")).permutation(len(dataset.labelled))
    outcomes: list[Outcome] = []
    for number in range(options.parts) if options.only is None else options.only:
        out = np.sort(order[number :: options.parts])
        arguments = ["--config", options.config, *options.arguments]
        plain = len(outcomes) < options.plain
        outcomes.append(outcome_of(dataset, options.data, out, number, arguments, plain=plain))
        print(outcomes[-1], flush=True)
        save(options.json, {**circumstances("set_aside"), "outcomes": [asdict(one) for one in outcomes]})
    print(report(outcomes))


if __name__ == "__main__":
    main()
