"""Keeps an experiment's folder small enough."""

import logging
import signal
import time
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tuner.folder import Folder
from tuner.raytune.assignment import name_of
from tuner.raytune.internals import forget_checkpoints
from tuner.raytune.resident import Resident
from tuner.results.pruning import pruning

LISTED_EVERY_S = 10
"""Other files than checkpoints grow slowly."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Disk:
    """What an experiment may take.

    Attributes:
        folder: The experiment's.
        budget: Bytes.
    """

    folder: Folder
    budget: int


class DiskBudget(Resident, tune.Callback):
    """Deletes checkpoints whenever there are too many bytes, but none that any trial goes on from.

    There is always room for one checkpoint more of every trial that runs.

    Args:
        trials: The folder with those of this run's trials: the experiment's, or one in it.
        disk: The budget; None is without end.
        left: Names of the trials that have not ended, though Ray may not have all of them yet.

    Attributes:
        exceeded: What is said if there is nothing left to delete; the run has then been told to end.
    """

    def __init__(self, trials: Folder, disk: Disk | None, left: frozenset[str]) -> None:
        self.exceeded, self._disk, self._left = "", disk, left
        self._trials = trials.uri.removeprefix(disk.folder.uri).removeprefix("/") if disk is not None else ""
        self._total, self._listed_at = 0, -float("inf")

    def on_trial_save(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Ray's hook: there is one checkpoint more."""
        if self._disk is None or self.exceeded:
            return
        saved: Any = trial.latest_checkpoint_result
        size = sum((self._disk.folder / self._path_of(saved)).sizes().values())
        live = [one for one in trials if not one.is_finished()]
        writing = sum(one.status == Trial.RUNNING for one in live)
        self._total += size
        limit, late = self._disk.budget - size * writing, time.monotonic() - self._listed_at > LISTED_EVERY_S
        if late or self._total > limit:
            self._prune(self._disk.folder, live, limit, self._left - {name_of(one.config) for one in trials})

    def _prune(self, folder: Folder, live: list[Trial], limit: int, unknown: frozenset[str]) -> None:
        latest: list[Any] = [one.latest_checkpoint_result for one in live]
        needed = {self._path_of(one) for one in latest if one is not None}
        going_on = {self._path(name) for name in (*unknown, *(name_of(one.config) for one in live))}
        found = pruning(folder.sizes(), limit, going_on, needed)
        for path in found.paths:
            log.info("%s/%s goes, by the disk budget", folder.uri, path)
            folder.remove(path)
        for one in live:
            forget_checkpoints(one, lambda saved: self._path_of(saved) in found.paths)
        self._total, self._listed_at = found.total, time.monotonic()
        if found.total > limit:
            self.exceeded = f"the trials that run need {(found.total - limit) / 1e6:.3g} MB more"
            signal.raise_signal(signal.SIGUSR1)  # Ray's own way to end a run that can be gone on with

    def _path_of(self, saved: Any) -> str:
        """Of Ray's checkpoint."""
        return self._path("/".join(saved.checkpoint.path.rsplit("/", 2)[1:]))

    def _path(self, name: str) -> str:
        return f"{self._trials}/{name}" if self._trials else name
