"""What is used of Ray that Ray does not promise to keep: all of it is named here, and a test looks for it.

But for what `tuner.cluster.spot_notice` uses, a program of its own, which a test runs.
"""

import math
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import ray
from pyarrow.fs import FileSystem
from ray._private import worker
from ray._private.node import Node
from ray._private.state import GlobalState, state
from ray.air.execution._internal import RayActorManager, TrackedActor
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.exceptions import RayActorError
from ray.experimental import internal_kv
from ray.train._internal import checkpoint_manager
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext, _FilesystemSyncer
from ray.tune import Checkpoint
from ray.tune.execution.tune_controller import TrialRunnerWrapper, TuneController
from ray.tune.experiment import Trial
from ray.tune.experiment import trial as ray_trial
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback
from ray.tune.schedulers import HyperBandScheduler, PopulationBasedTraining
from ray.tune.schedulers.hyperband import _Bracket
from ray.tune.search.optuna import OptunaSearch
from ray.tune.trainable.metadata import _TrainingRunMetadata
from ray.tune.utils.object_cache import _ObjectCache
from ray.util import placement_group_table

METHODS: dict[type, tuple[str, ...]] = {
    CSVLoggerCallback: ("_restore_from_remote", "_setup_trial"),
    GlobalState: ("get_draining_nodes",),
    HyperBandScheduler: ("_process_bracket",),
    JsonLoggerCallback: ("_restore_from_remote",),
    PopulationBasedTraining: ("_checkpoint_or_exploit", "_get_new_config", "_quantiles", "_save_trial_state"),
    RayActorManager: ("get_actor_resources", "remove_actor"),
    TuneController: (
        *("_mark_trial_to_checkpoint", "_maybe_cache_trial_actor", "_process_trial_failure", "_remove_actor"),
        *("_schedule_trial_train", "_set_trial_status", "_unstage_trial_with_resources", "checkpoint"),
        *("on_step_begin", "pause_trial"),
    ),
    _Bracket: ("continue_trial",),
    Node: ("get_logs_dir_path",),
    Trial: ("set_storage", "should_recover"),
    TrackedActor: ("set_on_error", "set_on_stop"),
    _FilesystemSyncer: ("_sync_up_command",),
    _ObjectCache: ("increase_max",),
    _TrainingRunMetadata: ("invalidate_cache", "update_metric"),
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
    TuneController: ("_actor_cache", "_actor_manager", "_resetting_trials", "_trial_to_actor"),
    StorageContext: (
        *("current_checkpoint_index", "experiment_dir_name", "experiment_driver_staging_path"),
        *("experiment_fs_path", "storage_filesystem", "storage_fs_path"),
    ),
    _CheckpointManager: ("_checkpoint_results", "_latest_checkpoint_result"),
    _ObjectCache: ("_cached_objects", "_num_cached_objects"),
}
"""Read or set there."""


FUNCTIONS: dict[Any, tuple[str, ...]] = {
    checkpoint_manager: ("_delete_fs_path",),
    internal_kv: ("_internal_kv_get", "_internal_kv_put"),
    ray_trial: ("_create_unique_logdir_name",),
}
"""Called, or replaced by ours, in a module."""
NOTES = "tuner"


def keep_note(key: str, text: str) -> None:
    """The cluster's head knows the text by this key from now on."""
    internal_kv._internal_kv_put(key, text, namespace=NOTES)


def read_note(key: str) -> str:
    """What `keep_note` was given, by whichever process; empty if nothing."""
    found: bytes | None = internal_kv._internal_kv_get(key, namespace=NOTES)
    return found.decode() if found else ""


def cluster_status() -> Any:
    """What Ray's GCS and autoscaler know of the cluster's nodes, and of what waits for some."""
    return get_cluster_status(ray.get_runtime_context().gcs_address)


def logs_folder() -> Path:
    """Where Ray's processes on this machine write their logs."""
    node: Any = worker._global_node
    return Path(node.get_logs_dir_path())


def has_autoscaler() -> bool:
    """Whether the cluster's nodes come and go."""
    return int(cluster_status().stats.autoscaler_version or 0) > 0


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


def keep_no_statistics() -> None:
    """Ray keeps the last of each number of a trial's rows, and not the lowest, highest, mean and last ten beside it.

    Nobody reads them, and of 18 neurons they are two thirds of what it writes of a trial in each snapshot.
    """
    _TrainingRunMetadata.update_metric = lambda self, metric, value, step=1: None  # type: ignore[method-assign]


def upload_with(uploads: Callable[[], Callable[[str, FileSystem, str], None]]) -> None:
    """The driver's files are copied to the storage by this, in the thread that Ray copies them in.

    Args:
        uploads: Makes what copies them in one run: a local folder, to a folder in a storage.
    """
    own = WeakKeyDictionary[Any, Callable[[str, FileSystem, str], None]]()

    def command(syncer: Any, local_path: str, uri: str, exclude: list[str] | None = None) -> Any:
        upload = own.setdefault(syncer, uploads())
        return upload, {"local_path": local_path, "fs": syncer.storage_filesystem, "fs_path": uri}

    _FilesystemSyncer._sync_up_command = command  # type: ignore[assignment,method-assign]


def delete_with(delete: Callable[[FileSystem, str], None]) -> None:
    """Checkpoints that a trial no longer keeps are deleted by this."""
    checkpoint_manager._delete_fs_path = lambda fs, fs_path: delete(fs, fs_path)  # type: ignore[attr-defined]


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


def draining_nodes() -> dict[str, float]:
    """Id of each node that is to be taken away, and when, in seconds since 1970; infinity where nobody has said."""
    return {node: at_ms / 1000 if at_ms else math.inf for node, at_ms in state.get_draining_nodes().items()}


def actor_of(controller: TuneController, trial: Trial) -> TrackedActor | None:
    """Ray Tune's name of the actor that the trial has, or will have once there is a place for it."""
    found: TrackedActor | None = controller._trial_to_actor.get(trial)
    return found


def node_of(controller: TuneController, actor: TrackedActor) -> str:
    """Id of the node that the actor has its place on; empty as long as it has none."""
    place: Any = controller._actor_manager.get_actor_resources(actor)
    table = placement_group_table(place.placement_group) if place is not None else {}
    return next(iter(table.get("bundles_to_node_id", {}).values()), "")


def ask_before_training(
    look: Callable[[TuneController], None],
    leaves: Callable[[TuneController, Trial], bool],
    leave: Callable[[TuneController, Trial], None],
) -> None:
    """Ray asks whether a trial is to leave its actor before it trains on, and before another one takes that over.

    Args:
        look: Called at each step of Ray's loop.
        leaves: Whether the trial is to leave.
        leave: Called instead of training.
    """

    def step(controller: TuneController) -> None:
        _on_step_begin(controller)
        look(controller)

    def train(controller: TuneController, trial: Trial) -> None:
        (leave if leaves(controller, trial) else _schedule_trial_train)(controller, trial)

    def cache(controller: TuneController, trial: Trial) -> bool:
        return not leaves(controller, trial) and _maybe_cache_trial_actor(controller, trial)

    TuneController.on_step_begin = step  # type: ignore[method-assign]
    TuneController._schedule_trial_train = train  # type: ignore[assignment,method-assign]
    TuneController._maybe_cache_trial_actor = cache  # type: ignore[assignment,method-assign]


_on_step_begin: Any = TuneController.on_step_begin
_schedule_trial_train: Any = TuneController._schedule_trial_train
_maybe_cache_trial_actor: Any = TuneController._maybe_cache_trial_actor


def move(controller: TuneController, trial: Trial) -> None:
    """The trial's process is gone, with its placement group, and the trial waits for another one, as after a pause.

    Args:
        controller: Ray's.
        trial: One that has an actor, which is not writing a checkpoint.
    """
    actor = controller._trial_to_actor[trial]
    if trial.status == Trial.PENDING:
        controller._unstage_trial_with_resources(trial)
    controller.pause_trial(trial, should_checkpoint=False)
    controller._set_trial_status(trial, Trial.PENDING)
    controller._actor_manager.remove_actor(actor, kill=True)


def dismiss(controller: TuneController, leaves: Callable[[TrackedActor], bool]) -> None:
    """Of the actors that wait for a next trial, those that `leaves` tells wait no more."""
    cache: Any = controller._actor_cache
    for actors in cache._cached_objects.values():
        for actor in [one for one in actors if leaves(one)]:
            actors.remove(actor)
            cache._num_cached_objects -= 1
            actor.set_on_stop(None)
            actor.set_on_error(None)
            controller._remove_actor(actor)


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
