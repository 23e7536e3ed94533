"""Ray Tune's loggers of a trial's rows, which lose none."""

import csv
from pathlib import Path
from typing import Any, TextIO

from ray.tune.experiment import Trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback, LoggerCallback

from tuner.results.history import RESULTS, TABLE, history_until, table_until


class _TakenOnce(LoggerCallback):
    """Takes a trial's file from the storage once in a process.

    Ray takes it whenever a trial starts, also after a pause: over rows that are in the local file already, and not yet
    in the storage, where files are copied every few seconds.
    """

    _trial_files: dict[Trial, TextIO]

    def __init__(self) -> None:
        super().__init__()
        self._restored: set[str] = set()

    def _restore_from_remote(self, file_name: str, trial: Trial) -> None:
        if trial.trial_id not in self._restored:
            self._restored.add(trial.trial_id)
            super()._restore_from_remote(file_name, trial)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Ray's hook: no file stays open; Ray closes those of trials that have ended."""
        for trial in tuple(self._trial_files):
            self.log_trial_end(trial)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_restored": set()}


class JsonRows(_TakenOnce, JsonLoggerCallback):
    """Writes `result.json`; a trial that is tried again takes steps again that both files have already."""

    def log_trial_start(self, trial: Trial) -> None:
        """Ray's hook: the trial is about to go on; the files, which may be open, end where it does so."""
        results, table = (Path(trial.local_path or "", name) for name in (RESULTS, TABLE))
        latest: Any = trial.latest_checkpoint_result
        if results.is_file():
            before = results.read_text()
            history = history_until(before, latest.metrics["step"] if latest else 0)
            if history != before:
                results.write_text(history)
                table.write_text(table_until(table.read_text() if table.is_file() else "", history), newline="")
        super().log_trial_start(trial)


class TableRows(_TakenOnce, CSVLoggerCallback):
    """Writes `progress.csv`, also in a run that goes on with the columns that it has."""

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Ray's hook: the file has one row more."""
        if trial not in self._trial_files:
            self._setup_trial(trial)
        if self._trial_continue[trial] and not self._trial_csv[trial]:
            header = Path(trial.local_path or "", TABLE).read_text().partition("\n")[0].strip()
            self._trial_csv[trial] = csv.DictWriter(self._trial_files[trial], next(csv.reader([header])))
        super().log_trial_result(iteration, trial, result)
