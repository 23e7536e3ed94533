"""Predictions of a bundle."""

import argparse
import sys
from pathlib import Path

import numpy as np

from tuner.command import execute, make_parser, say
from tuner.errors import InputError


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.dataset.load import find_dataset, load_images
    from tuner.promotion.predict import load_bundle, of_simulated_data, predict, write_submission

    bundle = load_bundle(Path(options.bundle))
    if options.images is not None:
        images = load_images(Path(options.images))
        ids = np.arange(len(images))
    else:
        dataset = find_dataset("data" if options.data is None else options.data)
        if dataset.simulated and options.data is None and of_simulated_data(Path(options.bundle)) is False:
            raise InputError(
                f"{options.bundle} was trained on recorded data, but there is no data set in data/ to predict the test "
                "images of; give its folder by --data, or --data simulated"
            )
        if dataset.neurons != bundle.neurons:
            raise InputError(f"{options.bundle} predicts other neurons than {dataset.source} has")
        ids = dataset.unlabelled
        images = dataset.images[ids]
        say("SIMULATED data, since there is no data set" if dataset.simulated else f"data in {dataset.source}")
    if len(images) == 0:
        raise InputError("there is no test image: train.csv names them all; --images takes others")
    write_submission(Path(options.output), ids, bundle.neurons, predict(bundle, images))
    say(f"{options.output}: {len(images)} images x {len(bundle.neurons)} neurons")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "predict",
        "Predicts the responses to a data set's test images (those that train.csv does not name), or to other images.",
        "python -m tuner.predict -e ray_results/demo/first/best -o submission.csv",
    )
    made.add_argument("-e", "--bundle", required=True, help="folder of the bundle")
    source = made.add_mutually_exclusive_group()
    source.add_argument("--data", help="folder with stim.npy and train.csv, or 'simulated'; data, if not given")
    source.add_argument("--images", help="images [n, H, W, 3] in a .npy file, in place of --data")
    made.add_argument("-o", "--output", default="submission.csv", help="file to write: Id, then a column a neuron")
    return made


if __name__ == "__main__":
    sys.exit(execute("predict", main, sys.argv[1:]))
