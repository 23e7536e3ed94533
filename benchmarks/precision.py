"""Whether bf16 products change what a trial finds by more than another seed does.

    python -m benchmarks.precision [--config base_configs/v4.yaml] [--data ../shared/v4] [--seeds 5] [--json FILE]

Trains one config with several seeds, each in fp32 and in bf16: the same first weights, the same dropout. Prints the
selected step and its RMSE, and how far the two formats lie apart beside how far the seeds lie apart.
"""

import argparse
import math
import statistics
from pathlib import Path

import torch

from benchmarks.account import circumstances, save, table
from tuner.config import load_config
from tuner.dataset.load import find_dataset
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.process import own_process
from tuner.engine.training import Training
from tuner.settings import replaced

FORMATS = ("fp32", "bf16")


def best_of(config_path: str, data: str, seed: int, precision: str) -> tuple[int, float]:
    """The selected step and its RMSE."""
    config, dataset = load_config(config_path), find_dataset(data)
    config = replaced(config, {"training": replaced(config.training, {"precision": precision})})
    splits = make_splits(config.data, len(dataset.labelled))
    pack = Pack(config, dataset, splits, seed=seed, device=torch.device("cpu"))
    reports = list(Training(pack, dataset.responses).reports())
    best = min(reports, key=lambda report: report.accuracy.rmse)
    return best.step, best.accuracy.rmse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="base_configs/v4.yaml")
    parser.add_argument("--data", default="simulated", help="folder of a data set")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    own_process(options.threads, gpu=0)
    told = circumstances("precision")
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n", end="\n\n")
    found = {
        precision: [best_of(options.config, options.data, seed, precision) for seed in range(options.seeds)]
        for precision in FORMATS
    }
    steps, rmses = ({name: [run[part] for run in runs] for name, runs in found.items()} for part in (0, 1))
    rows = enumerate(zip(*steps.values(), *rmses.values(), strict=True))
    header = ("seed", "step fp32", "step bf16", "rmse fp32", "rmse bf16")
    print(table(header, ([str(seed), *(f"{value:.4g}" for value in values)] for seed, values in rows)))
    print(f"\nstep: {_apart(steps)}\nrmse: {_apart(rmses)}")
    save(options.json, {**told, "found": found})


def _apart(values: dict[str, list[float]]) -> str:
    """How far the formats lie apart with one seed, and two seeds in one format: standard deviations of a difference."""
    gaps = [bf16 - fp32 for fp32, bf16 in zip(values["fp32"], values["bf16"], strict=True)]
    seeds = math.sqrt(2) * statistics.stdev(values["fp32"])
    return f"bf16 - fp32 {statistics.mean(gaps):+.4f} +- {statistics.stdev(gaps):.4f}; two seeds +- {seeds:.4f}"


if __name__ == "__main__":
    main()
