"""The simulated data set, as files."""

import argparse
import sys
from pathlib import Path

import numpy as np

from tuner.command import execute, make_parser, say, seed_number
from tuner.dataset.simulate import simulate, write
from tuner.errors import InputError


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    folder = Path(options.output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not an empty folder; choose another")
    simulation = simulate(np.random.default_rng(options.seed))
    try:
        write(simulation, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from None
    images, neurons = simulation.responses.shape
    say(f"{folder}: SIMULATED responses of {neurons} neurons to {images} images; truth.csv: the perfect model's")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "simulate",
        "Writes a simulated data set in the challenge's format.",
        "python -m tuner.simulate -o data --seed 1",
    )
    made.add_argument("-o", "--output", required=True, help="folder to write: new, or empty")
    made.add_argument("--seed", type=seed_number, default=0, help="another seed is another recording")
    return made


if __name__ == "__main__":
    sys.exit(execute("simulate", main, sys.argv[1:]))
