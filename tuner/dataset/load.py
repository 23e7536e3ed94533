"""A data set in the challenge's format, checked."""

import csv
import hashlib
import io
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from tuner.dataset.simulate import simulate
from tuner.document import brief, check_regular, decoded, read_file
from tuner.errors import InputError
from tuner.folder import Folder
from tuner.npy import read_npy

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
        source: The folder, or its URI, or `simulated`.
        noise_rmse: RMSE of a perfect model over all neurons, known for simulated data only.
        states: Of its files, from just before they were read; see `file_states`. Empty if there are none.
    """

    images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    responses: npt.NDArray[np.float32]
    labelled: npt.NDArray[np.int64]
    neurons: tuple[str, ...]
    source: str
    noise_rmse: float | None = None
    states: tuple[tuple[int, int], ...] = ()

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
    try:
        present = [name for name in FILES if _is_there(folder, name)]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror or error}") from None
    if not present:
        if folder != "data":
            raise InputError(
                f"{folder} holds neither {' nor '.join(FILES)}; --data takes the folder of a data set, or {SIMULATED}"
            )
        return simulated_dataset()
    if len(present) == 1:
        missing = next(name for name in FILES if name not in present)
        raise InputError(f"{folder} holds {present[0]} but no {missing}; a data set needs both")
    return _fetched(Folder.at(folder)) if "://" in folder else load_dataset(Path(folder))


def _is_there(folder: str, name: str) -> bool:
    return Folder.at(folder).exists(name) if "://" in folder else (Path(folder) / name).is_file()


def _fetched(storage: Folder) -> Dataset:
    """The data set in a folder on another storage."""
    with TemporaryDirectory() as place:
        for name in FILES:
            Path(place, name).write_bytes(storage.read_bytes(name))
        try:
            found = load_dataset(Path(place))
        except InputError as error:
            raise InputError(str(error).replace(place, storage.uri)) from None
    return replace(found, source=storage.uri, states=())


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
    states = file_states(folder)
    images = load_images(folder / "stim.npy")
    labelled, neurons, responses = _load_responses(folder / "train.csv", len(images))
    return Dataset(images, responses, labelled, neurons, str(folder), states=states)


def file_states(folder: Path) -> tuple[tuple[int, int], ...]:
    """Bytes of each of a data set's files and the time of its last change, in ns; none if one cannot be looked at."""
    try:
        found = [(folder / name).stat() for name in FILES]
    except OSError:
        return ()
    return tuple((state.st_size, state.st_mtime_ns) for state in found)


def load_images(path: Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Images `[n, H, W, 3]`, uint8 in 0..255 or float32 in 0..1. Objects in the file are refused, not unpickled.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            images = read_npy(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{path} is not a .npy file of images: {error}") from None
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
    rows = _read_rows(path)
    line, header = rows[0] if rows else (1, [])
    if len(header) < 2 or header[0] != "Id":
        got = brief(",".join(header))
        raise InputError(
            f"{path}:{line}: the columns must be Id and at least one neuron, with commas between, but got {got}"
        )
    for index, name in enumerate(header):
        if not name.strip() or not name.isprintable() or name in header[:index]:
            raise InputError(
                f"{path}:{line}: every column needs a name of its own, but column {index + 1} is {brief(name)}"
            )
    ids: dict[int, int] = {}
    responses = []
    for line, row in rows[1:]:
        where = f"{path}:{line}"
        if len(row) != len(header):
            raise InputError(f"{where}: expected {len(header)} cells, but got {len(row)}")
        ids[_image_id(row[0].strip(), num_images, ids, where)] = line
        responses.append([_response(cell.strip(), name, where) for cell, name in zip(row[1:], header[1:], strict=True)])
    if not ids:
        raise InputError(f"{path} holds no labelled image")
    table = np.array(responses, dtype=np.float32)
    for name, column in zip(header[1:], table.T, strict=True):
        if np.isnan(column).all():
            raise InputError(f"{path}: {name} has no response to any image; remove its column")
    return np.array(list(ids), dtype=np.int64), tuple(header[1:]), table


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its last line."""
    text = decoded(read_file(path), str(path))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: this is not CSV: {error}") from None


def _image_id(cell: str, num_images: int, seen: dict[int, int], where: str) -> int:
    image = int(cell) if re.fullmatch("[0-9]{1,18}", cell) else num_images
    if image >= num_images:
        raise InputError(
            f"{where}: Id must be the index of an image in stim.npy, 0 to {num_images - 1}, but got {brief(cell)}"
        )
    if image in seen:
        raise InputError(f"{where}: Id {image} stands in line {seen[image]} already")
    return image


def _response(cell: str, neuron: str, where: str) -> float:
    if cell.lower() in ("", "nan"):
        return math.nan
    try:
        value = float(cell if cell.isascii() and "_" not in cell else "")  # Python reads `1_0` as ten
    except ValueError:
        raise InputError(f"{where}: {neuron} must be a number or empty, but got {brief(cell)}") from None
    if not 0 <= value < 1e6:
        raise InputError(f"{where}: {neuron} must be a square root of a spike count, 0 or more, but got {brief(cell)}")
    return value
