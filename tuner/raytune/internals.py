"""What is used of Ray Tune that Ray does not promise to keep: all of it is named here, and a test looks for it."""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any

from pyarrow.fs import FileSystem
from ray.exceptions import RayActorError
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint
from ray.tune.execution.tune_controller import TrialRunnerWrapper, TuneController
from ray.tune.experiment import Trial
from ray.tune.experiment import trial as ray_trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.schedulers import HyperBandScheduler, PopulationBasedTraining
from ray.tune.schedulers.hyperband import _Bracket
from ray.tune.search.optuna import OptunaSearch
from ray.tune.utils.object_cache import _ObjectCache

METHODS: dict[type, tuple[str, ...]] = {
    CSVLoggerCallback: ("_restore_from_remote", "_setup_trial"),
    HyperBandScheduler: ("_process_bracket",),
    JsonLoggerCallback: ("_restore_from_remote",),
    PopulationBasedTraining: ("_checkpoint_or_exploit", "_get_new_config", "_quantiles", "_save_trial_state"),
    TuneController: ("_mark_trial_to_checkpoint", "_process_trial_failure", "_set_trial_status", "checkpoint"),
    _Bracket: ("continue_trial",),
    Trial: ("set_storage", "should_recover"),
    _ObjectCache: ("increase_max",),
}
"""Called, or replaced by ours, in a class of this room or below."""

ATTRIBUTES: dict[type, tuple[str, ...]] = {
    HyperBandScheduler: ("_hyperbands",),
    _Bracket: ("_live_trials", "trials_to_unpause"),
    CSVLoggerCallback: ("_trial_continue", "_trial_csv", "_trial_files"),
    JsonLoggerCallback: ("_trial_files",),
    OptunaSearch: ("_ot_study", "_ot_trials", "_completed_trials"),
    PopulationBasedTraining: ("_trial_state", "_next_perturbation_sync"),
    TrialRunnerWrapper: ("_tune_controller",),
    TuneController: ("_actor_cache", "_resetting_trials"),
    StorageContext: (
        *("current_checkpoint_index", "experiment_dir_name", "experiment_driver_staging_path"),
        *("experiment_fs_path", "storage_filesystem", "storage_fs_path"),
    ),
    _CheckpointManager: ("_checkpoint_results", "_latest_checkpoint_result"),
}
"""Read or set there."""


FUNCTIONS: dict[Any, tuple[str, ...]] = {ray_trial: ("_create_unique_logdir_name",)}
"""Replaced by ours in a module."""


def ask_before_retrying(policy: Callable[[Trial], bool]) -> None:
    """Ray asks the policy whether a trial that has failed is tried again; by itself it only counts.

    It asks for a trial that takes over another's process, too. That one does not run yet, so Ray would give it up; and
    it hears of the process's death twice.
    """
    Trial.should_recover = lambda trial: policy(trial)  # type: ignore[method-assign]
    TuneController._process_trial_failure = _taken_over_or_running  # type: ignore[assignment,method-assign]


_process_trial_failure = TuneController._process_trial_failure


def _taken_over_or_running(controller: TuneController, trial: Trial, exception: Any) -> None:
    if trial in controller._resetting_trials and trial.status == Trial.PENDING:
        controller._resetting_trials.discard(trial)
        if isinstance(exception, RayActorError):
            return
        controller._set_trial_status(trial, Trial.RUNNING)
    _process_trial_failure(controller, trial, exception)


def keep_names() -> None:
    """A trial's local folder has its name, though one is there of a run that was interrupted: Ray would add to it."""
    ray_trial._create_unique_logdir_name = lambda root, relative_logdir: relative_logdir


def keep_in(trial: Trial, filesystem: FileSystem, path: str) -> None:
    """The trial's experiment is here, wherever it was when Ray pickled the list that the trial was made of."""
    storage: Any = trial.storage
    if storage.experiment_fs_path != path:
        here = copy(storage)
        here.storage_filesystem = filesystem
        here.storage_fs_path, _, here.experiment_dir_name = path.rpartition("/")
        trial.set_storage(here)


def keep_actors(controller: Any, trials: Iterable[Trial]) -> None:
    """The actors of these trials outlive a pause, for the next trial: to start one takes seconds.

    Args:
        controller: What Ray gives a scheduler.
        trials: Those that may wait at a time.
    """
    for trial in trials:
        controller._tune_controller._actor_cache.increase_max(trial.placement_group_factory)


def waiting_in(bracket: Any) -> list[Trial]:
    """The trials of HyperBand's bracket that have come as far as they may before the others do."""
    reached = [trial for trial, result in bracket._live_trials.items() if result is not None]
    return [trial for trial in reached if trial not in bracket.trials_to_unpause and not bracket.continue_trial(trial)]


def mark(controller: Any, changed: Iterable[Trial]) -> None:
    """Ray's next snapshot has these trials as they are then.

    By itself Ray takes no notice of a new config, of the checkpoint that a replaced trial goes on from, or of the end
    of a trial that was paused: it writes what it knew before.

    Args:
        controller: Ray's, or what it gives a scheduler.
        changed: Trials of which anything may be another.
    """
    for trial in changed:
        trial.invalidate_json_state()
        trial.run_metadata.invalidate_cache()
        getattr(controller, "_tune_controller", controller)._mark_trial_to_checkpoint(trial)


def save(controller: Any, changed: Iterable[Trial]) -> None:
    """Ray's snapshot is written now, with these trials as they are; all rows so far are in the storage, too.

    Args:
        controller: What Ray gives a scheduler.
        changed: See `mark`.
    """
    mark(controller, changed)
    controller._tune_controller.checkpoint(force=True, wait=True)


@dataclass(frozen=True)
class Saved:
    """A checkpoint in an experiment's folder.

    Attributes:
        trial: Name of the folder that it is in.
        name: Of its own folder.
        row: Ray's result when it was made.
    """

    trial: str
    name: str
    row: dict[str, Any]


def go_on_from(trial: Trial, name: str, checkpoints: list[Saved], number: int) -> None:
    """The trial goes on from the last of the checkpoints, or begins without any; Ray knows of no others.

    Args:
        trial: It does not run.
        name: Of its folder.
        checkpoints: Oldest first; those in the trial's own folder will be deleted in this order.
        number: Of the newest in its own folder; -1 without one.
    """
    storage: Any = trial.storage
    results = [
        _TrainingResult(
            Checkpoint(f"{storage.experiment_fs_path}/{one.trial}/{one.name}", storage.storage_filesystem), one.row
        )
        for one in checkpoints
    ]
    manager: Any = trial.run_metadata.checkpoint_manager
    own = [result for result, one in zip(results, checkpoints, strict=True) if one.trial == name]
    manager._checkpoint_results, manager._latest_checkpoint_result = own, results[-1] if results else None
    storage.current_checkpoint_index = number
    trial.invalidate_json_state()
    trial.run_metadata.invalidate_cache()


def forget_checkpoints(trial: Trial, gone: Callable[[Any], bool]) -> None:
    """Ray does not delete checkpoints of the trial that are gone, which would fail."""
    manager: Any = trial.run_metadata.checkpoint_manager
    manager._checkpoint_results = [saved for saved in manager._checkpoint_results if not gone(saved)]
