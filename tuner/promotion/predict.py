"""Predictions of a bundle, from its ONNX model: fast to load, and no code in it can run."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from tuner.config import load_config
from tuner.errors import InputError

BATCH = 256


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
        session: Its model.
        image_size: Width and height in pixels of the images it takes.
        neurons: Names, in the order of its outputs.
    """

    session: onnxruntime.InferenceSession
    image_size: int
    neurons: tuple[str, ...]


def load_bundle(folder: Path) -> Bundle:
    """The bundle in a folder.

    Raises:
        InputError: there is none, or a file of it is missing or broken.
    """
    for name in ("model.onnx", "config.yaml", "neurons.csv"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not a bundle: it has no {name}")
    try:
        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        with (folder / "neurons.csv").open(newline="") as file:
            neurons = tuple(row["neuron"] for row in csv.DictReader(file))
    except Exception as error:  # noqa: BLE001  # onnxruntime has a dozen classes of error for a broken file
        raise InputError(f"{folder} is not a whole bundle: {str(error).splitlines()[0][:200]}") from None
    outputs = session.get_outputs()[0].shape[1]
    if outputs != len(neurons):
        raise InputError(f"{folder}: neurons.csv names {len(neurons)} neurons, but the model has {outputs} outputs")
    return Bundle(session, load_config(folder / "config.yaml").model.image_size, neurons)


def predict(bundle: Bundle, images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Responses `[n, N]` to images `[n, H, W, 3]`, uint8 in 0..255 or float32 in 0..1, cropped as in training.

    Raises:
        InputError: the images are smaller than the model's.
    """
    height, width = images.shape[1:3]
    size = bundle.image_size
    if min(height, width) < size:
        raise InputError(f"the model takes images of at least {size} x {size} pixels, but got {height} x {width}")
    parts = []
    for start in range(0, len(images), BATCH):
        part = centre(images[start : start + BATCH], size).astype(np.float32)
        if images.dtype == np.uint8:
            part /= 255
        parts.append(bundle.session.run(None, {"images": part})[0])
    return np.concatenate(parts)


def centre(
    images: npt.NDArray[np.uint8] | npt.NDArray[np.float32], size: int
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """The centre `[n, size, size, 3]` of images `[n, H, W, 3]`, cut where training cuts it."""
    top, left = (round((length - size) / 2.0) for length in images.shape[1:3])
    return images[:, top : top + size, left : left + size]


def write_submission(
    path: Path, ids: npt.NDArray[np.int64], neurons: tuple[str, ...], responses: npt.NDArray[np.float32]
) -> None:
    """The file holds one row an image: `Id`, then a column a neuron.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["Id", *neurons])
            writer.writerows(
                [int(image), *(f"{value:.6f}" for value in row)] for image, row in zip(ids, responses, strict=True)
            )
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
