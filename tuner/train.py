"""One config, trained without a search."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tuner import interrupts
from tuner.command import execute, make_parser, say, seed_number
from tuner.config import Config, load_config
from tuner.document import read_document
from tuner.errors import ConfigError, InputError, Interrupted, TunerError

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.engine.training import Training
    from tuner.results.model_folder import ModelFolder
    from tuner.results.record import Measurement

# What functions import here takes seconds to import (torch), or is not needed to say that the input is wrong.


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    try:
        run(options)
    except KeyboardInterrupt:
        raise Interrupted(f"go on with: {shlex.join(['python', '-m', 'tuner.train', *arguments])}") from None


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "train",
        "Trains one config and exports its best checkpoints. The same command goes on with what was interrupted.",
        "python -m tuner.train -d training/test1 -c base_configs/default.yaml",
    )
    made.add_argument("-d", "--model-dir", required=True, help="folder of the model's checkpoints, events and exports")
    made.add_argument("-c", "--config", default="base_configs/default.yaml", help="config")
    made.add_argument("--data", default="data", help="folder with stim.npy and train.csv, or 'simulated'")
    made.add_argument("--seed", type=seed_number, default=0, help="decides everything random")
    return made


def run(options: argparse.Namespace) -> None:
    """Trains, or goes on with training, and exports."""
    config = load_config(options.config)
    from tuner.dataset.fit import fitted
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(options.data)
    try:
        config = fitted(config, dataset)
    except ConfigError as error:
        raise InputError(f"{read_document(options.config).at(error.path)}: {error}") from None
    from tuner.results.model_folder import ModelFolder
    from tuner.results.origin import origin_of

    folder = ModelFolder(Path(options.model_dir))
    if folder.begun and folder.config() != config:
        raise InputError(f"{folder.path} holds a model of another config; choose another --model-dir")
    if not folder.begun and folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise InputError(f"{folder.path} exists and is not a model's folder; choose another --model-dir")
    origin = origin_of(dataset, options.seed)
    if folder.begun and (folder.origin().fingerprint, folder.origin().seed) != (origin.fingerprint, origin.seed):
        raise InputError(f"{folder.path} holds a model of other data or another --seed; choose another --model-dir")
    say(origin.data)
    folder.begin(config, origin)
    train(folder, config, dataset, options.seed)
    if config.training.export_best_models:
        export_best(folder, config, dataset)


def train(folder: "ModelFolder", config: Config, dataset: "Dataset", seed: int) -> None:
    """The folder holds the model's checkpoints, evaluations and events up to the end of its training.

    Raises:
        TunerError: it diverged.
    """
    from tuner.reporting.tensorboard import TensorBoardWriter
    from tuner.results.model_folder import checkpoints_to_keep
    from tuner.results.record import lowest, row_of

    training = begin(folder, config, dataset, seed)
    measured = folder.measurements()
    earlier_s = measured[-1].seconds if measured else 0.0
    best = lowest(measured)
    if measured and measured[-1].ending:
        say(f"{folder.path} is trained already, up to step {measured[-1].step}")
        refuse_diverged(measured[-1])
        return
    writer, started = TensorBoardWriter({"": config}, {"": best} if best else {}), time.monotonic()
    with interrupts.in_order():
        for report in training.reports():
            folder.add_row({**row_of(report, dataset.neurons), "time_total_s": earlier_s + time.monotonic() - started})
            measured = folder.measurements()
            folder.save(training.checkpoint(), len(measured) - 1)
            folder.prune(
                checkpoints_to_keep(measured, config.training.keep_checkpoint_max, config.training.exports_to_keep)
            )
            writer.measured("", folder.path, measured[-1])
            found = measured[-1]
            say(f"step {found.step:>5}  rmse {found.rmse:.4f} ± {found.rmse_se:.4f}  train {found.train_rmse:.4f}")
    writer.ended("", "")
    refuse_diverged(measured[-1])


def refuse_diverged(last: "Measurement") -> None:
    """Nothing happens, unless training ended with a network that diverged.

    Raises:
        TunerError: it did.
    """
    if last.ending == "diverged":
        raise TunerError(f"the network diverged before step {last.step}; lower training.learning_rate")


def begin(folder: "ModelFolder", config: Config, dataset: "Dataset", seed: int) -> "Training":
    """Training from the folder's last whole checkpoint, or from the beginning."""
    from tuner.dataset.splits import make_splits
    from tuner.engine.pack import Pack
    from tuner.engine.process import available_cpus, own_process
    from tuner.engine.training import Training

    device = own_process(available_cpus())
    checkpoints = folder.checkpoints()
    folder.keep_rows(checkpoints[-1].step if checkpoints else 0)
    pack = Pack(config, dataset, make_splits(config.data, len(dataset.labelled)), seed=seed, device=device)
    return Training(pack, dataset.responses, checkpoints[-1] if checkpoints else None)


def export_best(folder: "ModelFolder", config: Config, dataset: "Dataset") -> None:
    """`export/best/` holds a bundle of each of the `exports_to_keep` best evaluations."""
    from tuner.promotion.from_checkpoint import export_weights
    from tuner.promotion.promote import sample_images
    from tuner.results.model_folder import checkpoints_to_keep

    measured = folder.measurements()
    best = {
        measured[number].step: measured[number]
        for number in checkpoints_to_keep(measured, 0, config.training.exports_to_keep)
    }
    for checkpoint in folder.checkpoints():
        if checkpoint.step in best:
            target = folder.path / "export" / "best" / f"step-{checkpoint.step:06d}"
            images = sample_images(dataset, config)
            export_weights(checkpoint.weights, config, best[checkpoint.step], images, folder.origin(), target)
            rmse = best[checkpoint.step].rmse
            say(f"exported step {checkpoint.step}, rmse {rmse:.4f}, of the lowest of its curve: {target}")


if __name__ == "__main__":
    sys.exit(execute("train", main, sys.argv[1:]))
