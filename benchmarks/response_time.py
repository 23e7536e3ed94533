"""How soon a command answers: help and wrong input, each as a whole process.

    python -m benchmarks.response_time [--runs 5] [--json FILE]

The law is one second; help, configs, mutations and names are judged without importing torch or Ray.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.account import circumstances, save, table

ROOT = Path(__file__).parents[1]
RUN = ("run", "-g", "g", "-n", "n")


def cases(folder: Path) -> dict[str, tuple[str, ...]]:
    """What is typed, by what is wrong with it."""
    (folder / "config.yaml").write_text("training: {learning_rat: 0.1}\n")
    (folder / "mutations.yaml").write_text("delete_conv_layer: [{layer_id: [9]}]\n")
    (folder / "half").mkdir()
    np.save(folder / "half" / "stim.npy", np.zeros((2, 8, 8, 3), dtype=np.uint8))
    (folder / "data").mkdir()
    np.save(folder / "data" / "stim.npy", np.zeros((601, 80, 80, 3), dtype=np.uint8))
    (folder / "data" / "train.csv").write_text("Id,a\n600,1.0\n601,1.0\n")
    return {
        "--help": ("run", "--help"),
        "misspelt key in the config": (*RUN, "--config", str(folder / "config.yaml")),
        "mutation that cannot apply": (*RUN, "--mutations", str(folder / "mutations.yaml")),
        "name with a path separator": ("run", "-g", "g", "-n", "../n"),
        "data folder with one file": (*RUN, "--data", str(folder / "half")),
        "Id outside stim.npy": (*RUN, "--data", str(folder / "data")),
        "bundle that is none": ("predict", "-e", str(folder)),
    }


def seconds(arguments: tuple[str, ...]) -> float:
    """Wall seconds of one process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "tuner", *arguments], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    told = circumstances("response_time")
    with tempfile.TemporaryDirectory() as folder:
        typed = cases(Path(folder))
        times = {name: [seconds(arguments) for _ in range(options.runs)] for name, arguments in typed.items()}
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n")
    rows = ((name, f"{statistics.median(found):.2f}", f"{max(found):.2f}") for name, found in times.items())
    print(f"\n{table(('what', 'median s', 'max s'), rows)}")
    save(options.json, {**told, "seconds": times})


if __name__ == "__main__":
    main()
