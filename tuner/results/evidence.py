"""All that was measured in an experiment, as what it came to is told from: no data set and no training is needed."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tuner.dataset.load import Dataset
from tuner.engine.out_of_fold import NOT_WHOLE, OutOfFold, joined
from tuner.errors import InputError
from tuner.results.experiment import Entry, Experiment
from tuner.results.record import TrialRecord

RESPONSES, BASELINES = "responses.npz", "baselines.npz"

Predictions = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an experiment's folder holds.

    Attributes:
        entries: The variants, the control first.
        records: Of the search, in the same order.
        search: Variant to its curve in the search, of those that have one.
        finals: Variant to its curve in the finals, a repeat a round; empty without finals, and until all trials of the
            first round have ended by themselves: those that time left would be called the best for being quick.
        failed: Variant to the record of the round after those, of those that failed in it.
        finals_seconds: Variant to the seconds that its trials took there.
        responses: `[L, N]`.
        neurons: Names.
        baselines: Name to predictions `[R, L, N]` on the folds of `baseline_folds` `[R, L]`.
        baseline_folds: See above.
        noise_rmse: Of a perfect model; None unless the data are simulated.
        seed: The experiment's.
    """

    entries: tuple[Entry, ...]
    records: tuple[TrialRecord, ...]
    search: dict[str, OutOfFold]
    finals: dict[str, OutOfFold]
    failed: dict[str, TrialRecord]
    finals_seconds: dict[str, float]
    responses: npt.NDArray[np.float32]
    neurons: tuple[str, ...]
    baselines: Predictions
    baseline_folds: npt.NDArray[np.int64]
    noise_rmse: float | None
    seed: int

    @property
    def control(self) -> Entry:
        """The base config, unchanged."""
        return self.entries[0]


def write_responses(experiment: Experiment, dataset: Dataset) -> None:
    """The experiment's folder holds what predictions are held to."""
    noise = np.nan if dataset.noise_rmse is None else dataset.noise_rmse
    arrays: dict[str, npt.NDArray[Any]] = {
        "responses": dataset.responses,
        "labelled": dataset.labelled,
        "noise_rmse": np.array(noise),
    }
    experiment.folder.write(RESPONSES, _packed({**arrays, "neurons": np.array(dataset.neurons, dtype=np.str_)}))


def write_baselines(experiment: Experiment, baselines: Predictions, folds_RL: npt.NDArray[np.int64]) -> None:
    """The experiment's folder holds what the baselines predict, `[R, L, N]` each, on these folds."""
    named = {f"prediction {name}": predictions for name, predictions in baselines.items()}
    experiment.folder.write(BASELINES, _packed({"folds": folds_RL, **named}))


def read_evidence(experiment: Experiment) -> Evidence:
    """What the experiment's folder holds so far.

    Raises:
        InputError: there is no experiment, or a file of it is not whole.
    """
    entries = experiment.entries()
    kept = _arrays(experiment, RESPONSES, "responses", "neurons", "noise_rmse")
    baselines = _arrays(experiment, BASELINES, "folds") if experiment.folder.exists(BASELINES) else {}
    search = {entry.name: curve for entry in entries if (curve := experiment.out_of_fold(entry.name)) is not None}
    rounds = {entry.name: _rounds(experiment, entry) for entry in entries}
    noise = float(kept["noise_rmse"])
    return Evidence(
        entries=entries,
        records=experiment.records(),
        search=search,
        finals=_finals(rounds),
        failed={name: found.failed for name, found in rounds.items() if found.failed is not None},
        finals_seconds={name: found.seconds for name, found in rounds.items()},
        responses=kept["responses"],
        neurons=tuple(str(name) for name in kept["neurons"]),
        baselines={
            name.removeprefix("prediction "): array
            for name, array in baselines.items()
            if name.startswith("prediction ")
        },
        baseline_folds=baselines.get("folds", np.empty((0, len(kept["responses"])), dtype=np.int64)),
        noise_rmse=None if np.isnan(noise) else noise,
        seed=experiment.origin().seed,
    )


@dataclass(frozen=True)
class _Rounds:
    """A variant's finals.

    Attributes:
        curves: Of the rounds that its trials finished.
        failed: Its record of the round after those, if it failed in it.
        seconds: Of all its trials.
        entered: Whether there is a trial of it.
    """

    curves: tuple[OutOfFold, ...]
    failed: TrialRecord | None
    seconds: float
    entered: bool


def _finals(rounds: Mapping[str, _Rounds]) -> dict[str, OutOfFold]:
    if any(found.entered and not found.curves and found.failed is None for found in rounds.values()):
        return {}
    return {name: joined(found.curves) for name, found in rounds.items() if found.curves}


def _rounds(experiment: Experiment, entry: Entry) -> _Rounds:
    """A variant's finals, up to the first round that its trial did not finish."""
    curves, seconds, entered = list[OutOfFold](), 0.0, experiment.finals(1).holds(entry.name)
    while True:
        trials = experiment.finals(len(curves) + 1)
        record = trials.record(entry)
        seconds += record.measurements[-1].seconds if record.measurements else 0.0
        curve = trials.out_of_fold(entry.name) if record.status == "finished" else None
        if curve is None:
            failed = record if record.status in ("failed", "diverged") else None
            return _Rounds(tuple(curves), failed, seconds, entered)
        curves.append(curve)


def _packed(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub takes a name for an option
    return file.getvalue()


def _arrays(experiment: Experiment, name: str, *needed: str) -> dict[str, npt.NDArray[Any]]:
    place = f"{experiment.folder.uri}/{name}"
    try:
        with np.load(io.BytesIO(experiment.folder.read_bytes(name)), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in (*needed, *arrays.files)}
    except NOT_WHOLE as error:
        raise InputError(f"{place} is missing or not whole: {error}") from None
