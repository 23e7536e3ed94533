"""What Ray Tune forgets of a run that is resumed: its scheduler's state, and whose its trials are."""

import io
import logging
import pickle
from typing import Any

from ray import cloudpickle, tune
from ray.tune.experiment import Trial

from tuner.raytune.search.schedulers import SparingScheduler
from tuner.raytune.search.study_search import StudySearch

log = logging.getLogger(__name__)


class Resumption(tune.Callback):
    """Carries a scheduler's state from one process to the next.

    Ray saves the states of its callbacks together with those of the trials, so both are of the same moment; of a
    scheduler it saves only how it was made. A scheduler holds trials: they are saved by their ids, and found again
    among those that Ray has restored, which it does after it has restored its callbacks. So the state waits for the
    first step.

    Args:
        scheduler: Pickled in one with this callback by Ray, so they belong together again afterwards.
    """

    def __init__(self, scheduler: SparingScheduler) -> None:
        self._scheduler = scheduler
        self._waiting = b""

    def get_state(self) -> dict[str, bytes]:
        """Ray's hook: the state is saved."""
        return {"scheduler": self._waiting or dump(self._scheduler)}

    def set_state(self, state: dict[str, bytes]) -> None:
        """Ray's hook: this is what was saved."""
        self._waiting = state["scheduler"]

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook: its trials are there."""
        if self._waiting:
            load(self._scheduler, self._waiting, trials)
            log.info("%s goes on with what it knew", type(self._scheduler.inner).__name__)
            self._waiting = b""
        if not self._scheduler.is_restored:
            self._scheduler.is_restored = True
            for trial in trials:
                self._scheduler.replay(trial)


class Adoption(tune.Callback):
    """Tells the searcher of this process which trials Ray has restored."""

    def __init__(self) -> None:
        self._told = False

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook: its trials are there, and the searcher was not asked yet."""
        if not self._told:
            StudySearch.current().adopt(trials)
            self._told = True


class _Pickler(cloudpickle.CloudPickler):
    def persistent_id(self, value: Any) -> str | None:
        return value.trial_id if isinstance(value, Trial) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, state: bytes, trials: list[Trial]) -> None:
        super().__init__(io.BytesIO(state))
        self._trials = {trial.trial_id: trial for trial in trials}

    def persistent_load(self, trial_id: str) -> Trial:
        return self._trials[trial_id]


def dump(scheduler: SparingScheduler) -> bytes:
    """The scheduler's state, with trials by their ids; functions among it stay as they are when a scheduler is made."""
    inner = {name: value for name, value in vars(scheduler.inner).items() if not callable(value)}
    text = io.BytesIO()
    pickler: Any = _Pickler(text)  # type: ignore[no-untyped-call]
    pickler.dump((inner, scheduler.known, scheduler.stopped))
    return text.getvalue()


def load(scheduler: SparingScheduler, state: bytes, trials: list[Trial]) -> None:
    """The scheduler goes on from the state.

    Raises:
        KeyError: one of its trials is not there.
    """
    inner, known, scheduler.stopped = _Unpickler(state, trials).load()
    vars(scheduler.inner).update(inner)
    added, scheduler.known = scheduler.known, known
    for trial in trials:  # of which the state does not know
        if trial.trial_id in added - known:
            scheduler.on_trial_add(None, trial)
