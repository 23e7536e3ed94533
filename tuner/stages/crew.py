"""Trials on Ray Tune, watched on the terminal and in TensorBoard."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tuner.command import hold_log, log_to
from tuner.dataset.load import Dataset
from tuner.folder import Folder
from tuner.raytune.disk_budget import Disk
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources, start_ray
from tuner.raytune.trials import Conditions, Trials
from tuner.raytune.workers import Workers
from tuner.reporting.progress import Progress
from tuner.reporting.tensorboard import TensorBoardWriter
from tuner.results.ending_marks import EndingMarks
from tuner.results.files import LOG
from tuner.results.record import TrialRecord


@dataclass(frozen=True)
class Crew:
    """Runs trials, and shows them.

    Attributes:
        conditions: Under which they run.
        log: Where Python's log goes on this machine.
    """

    conditions: Conditions
    log: Path

    @property
    def workers(self) -> Workers:
        """They do what is to be done besides."""
        return Workers(self.conditions.resources.gpus_per_trial or 0.0)

    def run(self, trials: Trials, records: tuple[TrialRecord, ...]) -> frozenset[str]:
        """Every trial has ended, or time was up; what the folder holds of them is gone on with.

        Args:
            trials: What to run.
            records: What each of them measured before.

        Returns:
            Names of the trials that have ended, now or before.
        """
        before = {record.variant for record in records if record.ended}
        best = {record.variant: record.best for record in records if record.best is not None}
        configs, more = {entry.name: entry.config for entry in trials.entries}, trials.method.suggestions
        total = None if more is None else more.samples + 1
        with Progress(tuple(configs), len(before), best, total) as progress:
            writer = TensorBoardWriter(configs, best, () if more is None else more.examples)
            listeners = (progress, writer, EndingMarks(trials.experiment))
            ended = run_trials(
                trials, self.conditions, listeners, lambda entry: configs.update({entry.name: entry.config})
            )
        others = tuple(entry for entry in trials.entries if entry.name not in ended)
        return ended | {record.variant for record in trials.experiment.records_of(others) if record.ended}

    def keep_log(self, folder: Folder) -> None:
        """The log is in the experiment's folder, wherever that is."""
        if folder.local is None and self.log.is_file():
            folder.write(LOG, self.log.read_text())


def crew_for(
    dataset: Dataset,
    resources: Resources,
    address: str | None,
    folder: Folder,
    *,
    retry_failed: bool = False,
    disk_budget: int | None = None,
) -> Crew:
    """Ray runs, here or at `address`, and Python's log is held until there is a folder for it.

    Raises:
        InputError: there is no such cluster, or it cannot hold a single trial.
    """
    hold_log()
    start_ray(address)
    log = folder.local / LOG if folder.local else Path(tempfile.mkdtemp(), LOG)
    disk = None if disk_budget is None else Disk(folder, disk_budget)
    return Crew(Conditions(dataset, check_resources(resources), disk, retry_failed), log)


def open_log(crew: Crew, folder: Folder) -> None:
    """Python's log goes to its file; its folder exists by now. Elsewhere than here it goes on with what is there."""
    if folder.local is None and folder.exists(LOG):
        crew.log.write_text(folder.read(LOG))
    log_to(crew.log)
