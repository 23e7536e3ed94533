"""A chosen checkpoint as a bundle."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.command import execute, make_parser, say
from tuner.errors import InputError, short

if TYPE_CHECKING:
    from tuner.config import Config
    from tuner.engine.checkpoint import Checkpoint, Weights
    from tuner.lineage import Lineage
    from tuner.results.model_folder import ModelFolder
    from tuner.results.record import Measurement


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    folder = Path(options.model_dir)
    if not (folder / "config.yaml").is_file():
        raise InputError(f"{folder} is not a model's folder: it has no config.yaml")
    from tuner.promotion.from_checkpoint import export_weights, random_images
    from tuner.results.model_folder import ModelFolder

    model = ModelFolder(folder)
    weights, config, measurement = choose(model, options.step)
    target = folder / "export" / "checkpoints" / f"step-{measurement.step:06d}"
    images = random_images(config.model.image_size)
    export_weights(weights, config, measurement, images, model.origin(), target)
    say(f"exported step {measurement.step}, rmse {measurement.rmse:.4f}, the mean of {len(weights)} networks: {target}")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "export",
        "Exports a checkpoint of a trained model, or of a trial, as a bundle.",
        "python -m tuner.export -d training/test1 -s best",
    )
    made.add_argument("-d", "--model-dir", required=True, help="folder of tuner.train, or of a trial")
    made.add_argument("-s", "--step", default="last", help="training step, 'last' or 'best'")
    return made


def choose(model: "ModelFolder", step: str) -> tuple["Weights", "Config", "Measurement"]:
    """The weights of a step, their config then, and what was measured there.

    Raises:
        InputError: no checkpoint has them.
    """
    checkpoints = model.checkpoints()
    if not checkpoints:
        raise InputError(f"{model.path} holds no whole checkpoint")
    available = steps_of(checkpoints)
    named = {"last": checkpoints[-1].step, "best": checkpoints[-1].best_step}.get(step)
    wanted = int(step) if re.fullmatch("[0-9]{1,18}", step) else -1 if named is None else named
    weights, lineage = available.get(wanted, ({}, ()))
    measurement = model.measurement_at(lineage, wanted) if weights else None
    if measurement is None:
        known = ", ".join(map(str, sorted(available)))
        raise InputError(f"{model.path} has no checkpoint of step {short(step, 60)!r}; it has {known}, last and best")
    return weights, model.config_at(lineage, measurement.step), measurement


def steps_of(checkpoints: "tuple[Checkpoint, ...]") -> "dict[int, tuple[Weights, Lineage]]":
    """Step to weights and their lineage, of the checkpoints themselves and of the best ones that they carry.

    Where a population's member has been replaced, its checkpoints are of several networks: the last ones count.
    """
    found = {}
    for checkpoint in checkpoints:
        if checkpoint.best_step is not None:
            found[checkpoint.best_step] = (checkpoint.best_weights, checkpoint.lineage)
        found[checkpoint.step] = (checkpoint.weights, checkpoint.lineage)
    return found


if __name__ == "__main__":
    sys.exit(execute("export", main, sys.argv[1:]))
