"""A data set in the challenge's format, checked."""

import csv
import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tuner.dataset.simulate import simulate
from tuner.errors import InputError

SIMULATED = "simulated"
FILES = ("stim.npy", "train.csv")


@dataclass(frozen=True)
class Dataset:
    """Images and the responses to some of them.

    Attributes:
        images: `[n, H, W, 3]`, uint8 in 0..255 or float32 in 0..1.
        responses: `[L, N]` float32, square roots of spike counts; NaN where a neuron was not recorded.
        labelled: `[L]` indices into `images`.
        neurons: The N neurons' names.
        source: The folder, or `simulated`.
        noise_rmse: RMSE of a perfect model over all neurons, known for simulated data only.
    """

    images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    responses: npt.NDArray[np.float32]
    labelled: npt.NDArray[np.int64]
    neurons: tuple[str, ...]
    source: str
    noise_rmse: float | None = None

    @property
    def simulated(self) -> bool:
        """Whether nobody recorded these responses."""
        return self.source == SIMULATED

    @property
    def unlabelled(self) -> npt.NDArray[np.int64]:
        """Indices of the test images: those that `train.csv` does not name."""
        return np.setdiff1d(np.arange(len(self.images)), self.labelled)

    @cached_property
    def fingerprint(self) -> str:
        """A hash (BLAKE2b) of everything that a model could learn from."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.images, self.responses, self.labelled):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(self.neurons).encode())
        return digest.hexdigest()


def find_dataset(folder: str) -> Dataset:
    """The data set in a folder, or the simulated one where the folder is `simulated`, absent, or holds no data set.

    Raises:
        InputError: the folder holds only one of the two files, or one of them breaks the format.
    """
    if folder == SIMULATED:
        return simulated_dataset()
    present = [name for name in FILES if (Path(folder) / name).is_file()]
    if not present:
        if folder != "data":
            raise InputError(
                f"{folder} holds neither {' nor '.join(FILES)}; --data takes the folder of a data set, or {SIMULATED}"
            )
        return simulated_dataset()
    if len(present) == 1:
        missing = next(name for name in FILES if name not in present)
        raise InputError(f"{folder} holds {present[0]} but no {missing}; a data set needs both")
    return load_dataset(Path(folder))


def simulated_dataset(seed: int = 0) -> Dataset:
    """The embedded default: a simulated recording of the challenge's shape."""
    simulation = simulate(np.random.default_rng(seed))
    labelled = np.flatnonzero(~np.isnan(simulation.responses).all(axis=1))
    names = tuple(f"neuron_{index:02d}" for index in range(simulation.responses.shape[1]))
    responses = simulation.responses[labelled].astype(np.float32)
    noise = float(np.sqrt(np.mean(simulation.noise_rmse**2)))
    return Dataset(simulation.images, responses, labelled, names, SIMULATED, noise)


def load_dataset(folder: Path) -> Dataset:
    """The data set in a folder that holds `stim.npy` and `train.csv`.

    Raises:
        InputError: with the file, the line where there is one, what was found and what is allowed.
    """
    images = load_images(folder / "stim.npy")
    labelled, neurons, responses = _load_responses(folder / "train.csv", len(images))
    return Dataset(images, responses, labelled, neurons, str(folder))


def load_images(path: Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Images `[n, H, W, 3]`, uint8 in 0..255 or float32 in 0..1. Objects in the file are refused, not unpickled.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        images = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError) as error:
        raise InputError(
            f"{path} is not a .npy file of images: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from None
    if not isinstance(images, np.ndarray):
        raise InputError(f"{path} must hold one array, but got an archive of several")
    if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
        raise InputError(f"{path} must hold images [n, H, W, 3], but got the shape {list(images.shape)}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"{path} must hold uint8 in 0..255 or floating point in 0..1, but got {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise InputError(f"{path} must hold floating point in 0..1, but got values from {low:g} to {high:g}")
    return images.astype(np.float32)


def _load_responses(
    path: Path, num_images: int
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], npt.NDArray[np.float32]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file: {error}") from None
    header = rows[0] if rows else []
    if len(header) < 2 or header[0] != "Id":
        raise InputError(f"{path}:1: the columns must be Id and at least one neuron, but got {','.join(header)[:60]!r}")
    if len(set(header)) < len(header) or not all(header):
        raise InputError(f"{path}:1: every column needs a name of its own")
    ids: dict[int, int] = {}
    responses = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        where = f"{path}:{line}"
        if len(row) != len(header):
            raise InputError(f"{where}: expected {len(header)} cells, but got {len(row)}")
        ids[_image_id(row[0], num_images, ids, where)] = line
        responses.append([_response(cell, name, where) for cell, name in zip(row[1:], header[1:], strict=True)])
    if not ids:
        raise InputError(f"{path} holds no labelled image")
    table = np.array(responses, dtype=np.float32)
    for name, column in zip(header[1:], table.T, strict=True):
        if np.isnan(column).all():
            raise InputError(f"{path}: {name} has no response to any image; remove its column")
    return np.array(list(ids), dtype=np.int64), tuple(header[1:]), table


def _image_id(cell: str, num_images: int, seen: dict[int, int], where: str) -> int:
    if not (cell.strip().isascii() and cell.strip().isdigit()) or int(cell[:20]) >= num_images:
        raise InputError(
            f"{where}: Id must be the index of an image in stim.npy, 0 to {num_images - 1}, but got {cell[:40]!r}"
        )
    if int(cell) in seen:
        raise InputError(f"{where}: Id {int(cell)} stands in line {seen[int(cell)]} already")
    return int(cell)


def _response(cell: str, neuron: str, where: str) -> float:
    if not cell.strip() or cell.strip().lower() == "nan":
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{where}: {neuron} must be a number or empty, but got {cell[:40]!r}") from None
    if not 0 <= value < 1e6:
        raise InputError(f"{where}: {neuron} must be a square root of a spike count, 0 or more, but got {cell[:40]!r}")
    return value
