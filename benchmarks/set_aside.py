"""What a user of `tuner.run` is told, and what it turns out to be on images that were set aside before.

    python -m benchmarks.set_aside --data DIR [--splits 3] [--private 120] [--json FILE] [-- options of tuner.run]

Each split draws its own private images, and takes their rows out of `train.csv`. `python -m tuner.run` gets what is
left, as a user would call it; then the bundle, and the baselines fitted to the same images, predict the private ones.
Their pooled RMSE is that of those images: it has a standard error of its own, so that only the mean over several splits
says anything.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.account import circumstances, save, table
from tuner.dataset.load import Dataset, find_dataset
from tuner.dataset.splits import Split
from tuner.engine.metrics import pooled_rmse
from tuner.promotion.predict import load_bundle, predict
from tuner.seeding import seed_of
from tuner.selection.baselines import baseline_predictions

ROOT = Path(__file__).parents[1]
BASE = ROOT / "base_configs" / "v4.yaml"


@dataclass(frozen=True)
class Outcome:
    """One split.

    Attributes:
        seconds: That `tuner.run` took, as a whole command.
        told: RMSE of the bundle by `verdict.json`, and the ends of its interval.
        believed: The lowest RMSE of the search's curve of the winner.
        private: RMSE of the bundle and of each baseline on the private images.
        private_se: Of the bundle's: between images alone.
        winner: Its name.
        better: Whether it is said to be better than the base config.
        networks: In the bundle.
    """

    seconds: float
    told: tuple[float, float, float]
    believed: float
    private: dict[str, float]
    private_se: float
    winner: str
    better: bool
    networks: int


def outcome_of(dataset: Dataset, source: Path, private: int, number: int, arguments: list[str]) -> Outcome:
    """A run on what is not private in this split, and what its bundle is worth."""
    order = np.random.default_rng(seed_of("set aside", number)).permutation(len(dataset.labelled))
    out, seen = np.sort(order[:private]), np.sort(order[private:])
    with tempfile.TemporaryDirectory() as folder:
        data, storage = Path(folder, "data"), Path(folder, "ray_results")
        _write(source, data, {int(image) for image in dataset.labelled[out]})
        where = ["-g", "set_aside", "-n", "run", "--data", str(data), "--storage", str(storage)]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tuner.run", *where, *arguments], cwd=ROOT, check=True)
        seconds = time.perf_counter() - start
        place = storage / "set_aside" / "run"
        told = json.loads((place / "verdict.json").read_text())
        predictions = predict(load_bundle(place / "best"), dataset.images[dataset.labelled[out]])
    split = (Split(0, 0, seen, out),)
    images = dataset.images[dataset.labelled]
    others = baseline_predictions(images, dataset.responses, split, seed=number)
    rmse, se = pooled_rmse(predictions[None], dataset.responses[out])
    return Outcome(
        seconds=seconds,
        told=(told["rmse"], *told["rmse_interval"]),
        believed=told["search_rmse_lowest_of_curve"],
        private={
            "bundle": rmse,
            **{name: pooled_rmse(found[:, out], dataset.responses[out])[0] for name, found in others.items()},
        },
        private_se=se,
        winner=told["variant"],
        better=told["better_than_base"],
        networks=told["num_networks"],
    )


def _write(source: Path, target: Path, private: set[int]) -> None:
    """The data set without the private rows."""
    target.mkdir()
    shutil.copy(source / "stim.npy", target)
    with (source / "train.csv").open(newline="") as old, (target / "train.csv").open("w", newline="") as new:
        reader, writer = csv.reader(old), csv.writer(new, lineterminator="\n")
        writer.writerow(next(reader))
        writer.writerows(row for row in reader if int(row[0]) not in private)


def report(outcomes: list[Outcome]) -> str:
    """A row a split, and their mean."""
    names = list(outcomes[0].private)
    header = ["split", "s", "told", "95 % interval", "told / private", "search believed"]
    rows = [
        [
            str(number),
            f"{one.seconds:.0f}",
            f"{one.told[0]:.4f}",
            f"{one.told[1]:.4f} to {one.told[2]:.4f}",
            f"{one.told[0] / one.private['bundle'] - 1:+.1%}",
            f"{one.believed:.4f}",
            *(f"{one.private[name]:.4f}" for name in names),
        ]
        for number, one in enumerate(outcomes)
    ]
    if len(outcomes) > 1:
        rows.append(
            [
                "mean",
                *(f"{_mean([one.seconds for one in outcomes]):.0f}", f"{_mean([one.told[0] for one in outcomes]):.4f}"),
                "",
                f"{_mean([one.told[0] / one.private['bundle'] - 1 for one in outcomes]):+.1%}",
                f"{_mean([one.believed for one in outcomes]):.4f}",
                *(f"{_mean([one.private[name] for one in outcomes]):.4f}" for name in names),
            ]
        )
    return table([*header, *(f"private: {name}" for name in names)], rows)


def _mean(values: "list[float] | npt.NDArray[np.float64]") -> float:
    return float(np.mean(values))


def main() -> None:
    """The benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of a data set")
    parser.add_argument("--config", default=str(BASE), help="base config")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="number of the first split")
    parser.add_argument("--private", type=int, default=120, help="labelled images that are set aside")
    parser.add_argument("--json", type=Path)
    parser.add_argument("arguments", nargs="*", help="further options of tuner.run, after --")
    options = parser.parse_args()
    dataset = find_dataset(str(options.data))
    outcomes = []
    for number in range(options.first, options.first + options.splits):
        arguments = ["--config", options.config, *options.arguments]
        outcomes.append(outcome_of(dataset, options.data, options.private, number, arguments))
        print(outcomes[-1], flush=True)
    print(report(outcomes))
    save(options.json, {**circumstances("set_aside"), "outcomes": [asdict(one) for one in outcomes]})


if __name__ == "__main__":
    main()
