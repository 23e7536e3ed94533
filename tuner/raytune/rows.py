"""Ray Tune's loggers of a trial's rows, which lose none."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback


class _TakenOnce:
    """Takes a trial's file from the storage once in a process.

    Ray takes it whenever a trial starts, also after a pause: over rows that are in the local file already, and not yet
    in the storage, where files are copied every few seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._restored: set[str] = set()

    def _restore_from_remote(self, file_name: str, trial: Trial) -> None:
        if trial.trial_id not in self._restored:
            self._restored.add(trial.trial_id)
            super()._restore_from_remote(file_name, trial)  # type: ignore[misc]  # of Ray's logger

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_restored": set()}


class JsonRows(_TakenOnce, JsonLoggerCallback):
    """Writes `result.json`."""


class TableRows(_TakenOnce, CSVLoggerCallback):
    """Writes `progress.csv`."""
