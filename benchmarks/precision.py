"""Whether bf16 products change what a trial finds by more than another seed does.

    python benchmarks/precision.py [--config base_configs/v4.yaml] [--data ../shared/v4] [--seeds 5] [-o precision.json]

Trains one config with several seeds, each in fp32 and in bf16: the same first weights, the same dropout. Prints the
selected step and its RMSE, and how far the two formats lie apart beside how far the seeds lie apart.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch

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
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    own_process(options.threads, gpu=False)
    found = {
        precision: [best_of(options.config, options.data, seed, precision) for seed in range(options.seeds)]
        for precision in FORMATS
    }
    steps, rmses = ({name: [run[part] for run in runs] for name, runs in found.items()} for part in (0, 1))
    print("| seed | step fp32 | step bf16 | rmse fp32 | rmse bf16 |\n|---|---|---|---|---|")
    for seed, values in enumerate(zip(*steps.values(), *rmses.values(), strict=True)):
        print("| {} | {} | {} | {:.4f} | {:.4f} |".format(seed, *values))
    print(f"step: {_apart(steps)}\nrmse: {_apart(rmses)}")
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def _apart(values: dict[str, list[float]]) -> str:
    """How far the formats lie apart, and how far the seeds."""
    gaps = [bf16 - fp32 for fp32, bf16 in zip(values["fp32"], values["bf16"], strict=True)]
    between_seeds = statistics.stdev(values["fp32"])
    return (
        f"bf16 - fp32 {statistics.mean(gaps):+.4f} +- {statistics.stdev(gaps):.4f}; between seeds {between_seeds:.4f}"
    )


if __name__ == "__main__":
    main()
