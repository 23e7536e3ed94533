"""Ray Tune's callbacks, passed on in this project's words."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ray import tune
from ray.tune.experiment import Trial

from tuner.raytune.assignment import name_of
from tuner.raytune.fault_tolerance.failures import Failures
from tuner.raytune.resident import Resident
from tuner.results.record import Measurement, measurement_of

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Somebody who watches an experiment."""

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """A trial was evaluated; files put into `folder` end up in the trial's folder."""

    def ended(self, variant: str, error: str) -> None:
        """A trial ended; `error` is empty unless it failed."""


class Relay(Resident, tune.Callback):
    """Tells the listeners what happens to the trials.

    A trial waits while Ray calls its callbacks with a result. So the listeners are told a little later: at the end of
    the step of Ray's loop, when the trial has been sent on.

    Args:
        listeners: Who is told.
        failures: Knows why a trial failed.

    Attributes:
        ended: Trials that have ended.
        seen: All trials that Ray has.
        before: Trials that had ended when Ray restored them, and with what error; None until Ray has.
    """

    def __init__(self, listeners: tuple[Listener, ...], failures: Failures) -> None:
        self._listeners, self._failures = listeners, failures
        self.ended: set[str] = set()
        self.seen: set[str] = set()
        self.before: dict[str, str] | None = None
        self._news: list[Callable[[Listener], None]] = []

    def tell(self) -> None:
        """The listeners know all that happened so far."""
        news, self._news = self._news, []
        for each in news:
            for listener in self._listeners:
                each(listener)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Ray's hook."""
        measurement = measurement_of(result)
        self._news.append(partial(_measured, trial, measurement))
        descent = measurement.descent
        if descent is not None and descent.inherited:
            mutations = " and ".join(descent.mutations) or "no mutation"
            who = f"{name_of(trial.config)} goes on from {descent.donor} at step {descent.step}"
            log.info("%s with %s: %s", who, mutations, descent.inherited)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray's hook."""
        self._end(trial, "")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray's hook."""
        self._end(trial, self._failures.described(trial))

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        self._look_back(trials)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Ray's hook: there may have been no step."""
        self._look_back(trials)
        self.seen |= {name_of(trial.config) for trial in trials}

    def all_ended(self) -> bool:
        """Whether all trials that Ray has have ended by themselves, now or before it restored them."""
        return self.seen <= self.ended | set(self.before or ())

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        self.tell()

    def _look_back(self, trials: list[Trial]) -> None:
        if self.before is None:
            self.before = {
                name_of(trial.config): self._failures.described(trial) if trial.status == Trial.ERROR else ""
                for trial in trials
                if trial.is_finished()
            }

    def _end(self, trial: Trial, error: str) -> None:
        name = name_of(trial.config)
        self.ended.add(name)
        self._news.append(partial(_ended, name, error))


def _measured(trial: Trial, measurement: Measurement, listener: Listener) -> None:
    listener.measured(name_of(trial.config), _folder(trial), measurement)


def _ended(variant: str, error: str, listener: Listener) -> None:
    listener.ended(variant, error)


def _folder(trial: Trial) -> Path:
    """Where a trial's files are written: its own folder if that is on this machine, else where Ray uploads from."""
    storage = trial.storage
    assert storage is not None, "a trial that has results has a storage"
    final = storage.trial_fs_path if storage.storage_filesystem.type_name == "local" else trial.local_path
    return Path(str(final))
