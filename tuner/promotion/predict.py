"""Predictions of a bundle, from its ONNX model: fast to load, and no code in it can run."""

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from tuner.config import load_config
from tuner.document import decoded, read_file
from tuner.errors import InputError, clause, short
from tuner.results.files import METRICS

BATCH = 256
FLOATS = "tensor(float)"
FATAL = 4
"""Of onnxruntime's log."""


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
    size, neurons = load_config(folder / "config.yaml").model.image_size, _neurons(folder / "neurons.csv")
    try:
        session = _session(folder / "model.onnx")
        taken = [(one.name, one.type, one.shape[1:]) for one in session.get_inputs()]
        given = [(one.type, one.shape[1:]) for one in session.get_outputs()]
    except Exception as error:  # noqa: BLE001  # onnxruntime has a dozen classes of error for a broken file
        raise InputError(f"{folder} is not a whole bundle: {clause(error)}") from None
    if taken != [("images", FLOATS, [size, size, 3])]:
        raise InputError(f"{folder}: config.yaml tells of images of {size} x {size} pixels, but the model takes others")
    if given != [(FLOATS, [len(neurons)])]:
        outputs = given[0][1][0] if len(given) == 1 and len(given[0][1]) == 1 else "other"
        raise InputError(
            f"{folder}: neurons.csv names {len(neurons)} neurons, but the model has {short(str(outputs), 60)} outputs"
        )
    return Bundle(session, size, neurons)


def of_simulated_data(folder: Path) -> bool | None:
    """Whether the bundle in a folder was trained on data that nobody recorded; None if it does not tell."""
    file = folder / METRICS
    try:
        metrics = json.loads(read_file(file)) if file.is_file() else {}
    except (ValueError, RecursionError):
        raise InputError(f"{file} is not JSON") from None
    told = metrics.get("simulated") if isinstance(metrics, dict) else None
    return told if isinstance(told, bool) else None


def _neurons(file: Path) -> tuple[str, ...]:
    """The names in a bundle's `neurons.csv`."""
    reader = csv.DictReader(io.StringIO(decoded(read_file(file), str(file)), newline=""), strict=True)
    try:
        names = [row.get("neuron") for row in reader]
    except csv.Error as error:
        raise InputError(f"{file}:{reader.reader.line_num}: this is not CSV: {error}") from None
    found = tuple(name for name in names if name and name.isprintable())
    if not found or len(set(found)) < len(names):
        raise InputError(f"{file} must have a column neuron, with a name of its own in each row")
    return found


def _session(file: Path) -> onnxruntime.InferenceSession:
    """The model; nothing of what is wrong with it is printed, since it is raised, too."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"], enable_fallback=0)


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
        try:
            found = bundle.session.run(None, {"images": part})[0]
        except Exception as error:  # noqa: BLE001  # as in `load_bundle`
            raise InputError(f"the bundle's model cannot predict: {clause(error)}") from None
        if found.shape != (len(part), len(bundle.neurons)):
            raise InputError(
                f"the bundle's model gives {list(found.shape)} for {len(part)} images, and is no model of ours"
            )
        parts.append(found)
    return np.concatenate(parts)


def centre(
    images: npt.NDArray[np.uint8] | npt.NDArray[np.float32], size: int
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """The centre `[n, size, size, 3]` of images `[n, H, W, 3]`, cut where training cuts it."""
    top, left = (round((length - size) / 2.0) for length in images.shape[1:3])
    return images[:, top : top + size, left : left + size]


def _at_once(path: str, flags: int) -> int:
    """An open file; a pipe that nobody reads is an error, and is not waited for."""
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


def write_submission(
    path: Path, ids: npt.NDArray[np.int64], neurons: tuple[str, ...], responses: npt.NDArray[np.float32]
) -> None:
    """The file holds one row an image: `Id`, then a column a neuron.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8", opener=_at_once) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["Id", *neurons])
            writer.writerows(
                [int(image), *(f"{value:.6f}" for value in row)] for image, row in zip(ids, responses, strict=True)
            )
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
