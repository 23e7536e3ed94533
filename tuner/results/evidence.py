"""All that was measured in an experiment, as what it came to is told from: no data set and no training is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tuner.dataset.splits import Split, make_splits, splits_of
from tuner.engine.out_of_fold import OutOfFold, joined
from tuner.errors import InputError
from tuner.results.arrays import Predictions, read_baselines, read_responses
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.files import MEASURED
from tuner.results.record import TrialRecord


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

    def splits(self, folds_RL: npt.NDArray[np.int64]) -> tuple[Split, ...]:
        """What networks of these folds were trained on, and what is told of them.

        In a population's search, images that decide who is replaced are held out too, though nothing is told of them.
        """
        told = splits_of(folds_RL)
        bred = any(row.descent is not None for record in self.records for row in record.measurements)
        if not bred or (folds_RL >= 0).all():  # of finals all is told
            return told
        trained = make_splits(self.control.config.data, folds_RL.shape[1])[: len(told)]  # of the first repeats
        return tuple(replace(split, train=whole.train) for split, whole in zip(told, trained, strict=True))


def read_evidence(experiment: Experiment) -> Evidence:
    """What the experiment's folder holds so far.

    Raises:
        InputError: there is no experiment, or a file of it is not whole.
    """
    entries, ended = experiment.entries(), experiment.folder.exists(MEASURED)
    kept = read_responses(experiment.folder)
    baselines, baseline_folds = read_baselines(experiment.folder, kept.responses.shape)
    search = {
        entry.name: curve for entry in entries if (curve := experiment.out_of_fold(entry.name, ended)) is not None
    }
    rounds = {entry.name: _rounds(experiment, entry, ended) for entry in entries}
    curves = [*search.values(), *(curve for found in rounds.values() for curve in found.curves)]
    if any(curve.predictions.shape[2:] != kept.responses.shape for curve in curves):
        raise InputError(f"{experiment.folder.uri} holds predictions of other images or neurons than its responses")
    return Evidence(
        entries=entries,
        records=experiment.records(),
        search=search,
        finals=_finals(rounds),
        failed={name: found.failed for name, found in rounds.items() if found.failed is not None},
        finals_seconds={name: found.seconds for name, found in rounds.items()},
        responses=kept.responses,
        neurons=kept.neurons,
        baselines=baselines,
        baseline_folds=baseline_folds,
        noise_rmse=kept.noise_rmse,
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


def _rounds(experiment: Experiment, entry: Entry, ended: bool) -> _Rounds:
    """A variant's finals, up to the first round that its trial did not finish.

    Raises:
        InputError: a trial lacks what it measured, though everything has `ended`.
    """
    curves, seconds, entered = list[OutOfFold](), 0.0, experiment.finals(1).holds(entry.name)
    while True:
        trials = experiment.finals(len(curves) + 1)
        record = trials.record(entry)
        seconds += record.measurements[-1].seconds if record.measurements else 0.0
        curve = trials.out_of_fold(entry.name, ended) if record.status == "finished" else None
        if curve is None and ended and trials.holds(entry.name) and record.status in ("finished", "unfinished"):
            raise InputError(f"{trials.folder.uri}/{entry.name} lacks what its trial measured")
        if curve is None:
            failed = record if record.status in ("failed", "diverged") else None
            return _Rounds(tuple(curves), failed, seconds, entered)
        curves.append(curve)
