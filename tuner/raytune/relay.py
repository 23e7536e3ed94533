"""Ray Tune's callbacks, passed on in this project's words."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ray import tune
from ray.tune.experiment import Trial

from tuner.raytune.assignment import name_of
from tuner.raytune.failures import Failures
from tuner.results.record import Measurement, measurement_of

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Somebody who watches an experiment."""

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """A trial was evaluated; files put into `folder` end up in the trial's folder."""

    def ended(self, variant: str, error: str) -> None:
        """A trial ended; `error` is empty unless it failed."""


class Relay(tune.Callback):
    """Tells the listeners of this process what happens to the trials.

    Ray pickles its callbacks with the experiment, and restores them in another process. Listeners hold open files and
    the terminal, so they belong to the process and not to the callback.

    A trial waits while Ray calls its callbacks with a result. So the listeners are told a little later: at the end of
    the step of Ray's loop, when the trial has been sent on.
    """

    listeners: ClassVar[tuple[Listener, ...]] = ()
    ended: ClassVar[set[str]] = set()
    seen: ClassVar[set[str]] = set()
    """All trials that Ray has."""
    before: ClassVar[dict[str, str] | None] = None
    """Trials that had ended when Ray restored them, and with what error; None until Ray has."""
    _news: ClassVar[list[Callable[[Listener], None]]] = []

    @classmethod
    def begin(cls, listeners: tuple[Listener, ...]) -> None:
        """From now on these listeners are told; nothing has ended yet."""
        cls.listeners, cls.ended, cls.before, cls._news = listeners, set(), None, []
        cls.seen = set()

    @classmethod
    def tell(cls) -> None:
        """The listeners know all that happened so far."""
        news, cls._news = cls._news, []
        for each in news:
            for listener in cls.listeners:
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
        self._end(trial, Failures.described(trial))

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        self._look_back(trials)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Ray's hook: there may have been no step."""
        self._look_back(trials)
        Relay.seen |= {name_of(trial.config) for trial in trials}

    @classmethod
    def all_ended(cls) -> bool:
        """Whether all trials that Ray has have ended by themselves, now or before it restored them."""
        return cls.seen <= cls.ended | set(cls.before or ())

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        self.tell()

    def _look_back(self, trials: list[Trial]) -> None:
        if Relay.before is None:
            Relay.before = {
                name_of(trial.config): Failures.described(trial) if trial.status == Trial.ERROR else ""
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
