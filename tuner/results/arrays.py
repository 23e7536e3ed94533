"""Arrays that an experiment's folder keeps beside its trials: the responses, and what the baselines predict."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tuner.dataset.load import Dataset
from tuner.engine.out_of_fold import are_folds
from tuner.errors import InputError, clause
from tuner.folder import Folder
from tuner.npy import read_npz

RESPONSES, BASELINES = "responses.npz", "baselines.npz"
PREFIX = "prediction "

Predictions = dict[str, npt.NDArray[np.float32]]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Responses:
    """What predictions are held to.

    Attributes:
        responses: `[L, N]`; NaN where a neuron was not recorded.
        neurons: Names.
        noise_rmse: Of a perfect model; None unless the data are simulated.
    """

    responses: npt.NDArray[np.float32]
    neurons: tuple[str, ...]
    noise_rmse: float | None


def write_responses(folder: Folder, dataset: Dataset) -> None:
    """The experiment's folder holds what predictions are held to."""
    arrays: Arrays = {
        "responses": dataset.responses,
        "labelled": dataset.labelled,
        "noise_rmse": np.array(np.nan if dataset.noise_rmse is None else dataset.noise_rmse, np.float64),
        "neurons": np.array(dataset.neurons, dtype=np.str_),
    }
    folder.write(RESPONSES, _packed(arrays))


def read_responses(folder: Folder) -> Responses:
    """What `write_responses` wrote.

    Raises:
        InputError: it is not there or not whole.
    """
    found = _arrays(folder, RESPONSES, "responses", "neurons", "noise_rmse")
    responses, neurons, noise = found["responses"], found["neurons"], found["noise_rmse"]
    fits = responses.ndim == 2 and len(responses) > 0 and responses.dtype == np.float32
    if not fits or noise.shape != () or noise.dtype != np.float64 or neurons.dtype.kind != "U":
        raise InputError(f"{folder.uri}/{RESPONSES} holds arrays of another shape or type")
    names = tuple(str(name) for name in neurons.flat)
    if neurons.shape != responses.shape[1:] or len({name for name in names if name.isprintable()}) < len(names):
        raise InputError(f"{folder.uri}/{RESPONSES} does not name each of its {responses.shape[1]} neurons once")
    return Responses(responses, names, None if np.isnan(noise) else float(noise))


def write_baselines(folder: Folder, baselines: Predictions, folds_RL: npt.NDArray[np.int64]) -> None:
    """The experiment's folder holds what the baselines predict, `[R, L, N]` each, on these folds."""
    named = {f"{PREFIX}{name}": predictions for name, predictions in baselines.items()}
    folder.write(BASELINES, _packed({"folds": folds_RL, **named}))


def read_baselines(folder: Folder, shape: tuple[int, ...]) -> tuple[Predictions, npt.NDArray[np.int64]]:
    """What the baselines predict for responses of this shape `[L, N]`, and the folds `[R, L]`; empty if unmeasured.

    Raises:
        InputError: it is not whole, or of other responses.
    """
    if not folder.exists(BASELINES):
        return {}, np.empty((0, shape[0]), dtype=np.int64)
    found = _arrays(folder, BASELINES, "folds")
    folds = found.pop("folds")
    predictions = {name.removeprefix(PREFIX): array for name, array in found.items() if name.startswith(PREFIX)}
    fits = folds.ndim == 2 and folds.shape[1] == shape[0] and are_folds(folds)
    if not fits or any(array.shape != (len(folds), *shape) for array in predictions.values()):
        raise InputError(f"{folder.uri}/{BASELINES} holds predictions of other folds, images or neurons")
    if any(array.dtype != np.float32 for array in predictions.values()):
        raise InputError(f"{folder.uri}/{BASELINES} holds predictions that are no numbers")
    return predictions, folds


def _packed(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub takes a name for an option
    return file.getvalue()


def _arrays(folder: Folder, name: str, *needed: str) -> Arrays:
    try:
        arrays = read_npz(folder.read_bytes(name))
        return {key: arrays[key] for key in (*needed, *arrays)}
    except (ValueError, KeyError) as error:
        raise InputError(f"{folder.uri}/{name} is missing or not whole: {clause(error)}") from None
