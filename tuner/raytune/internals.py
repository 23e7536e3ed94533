"""What is used of Ray Tune that Ray does not promise to keep: all of it is named here, and a test looks for it."""

from collections.abc import Callable, Iterable
from typing import Any

from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.tune.execution.tune_controller import TrialRunnerWrapper, TuneController
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback
from ray.tune.schedulers import HyperBandScheduler, PopulationBasedTraining
from ray.tune.search.optuna import OptunaSearch
from ray.tune.utils.object_cache import _ObjectCache

METHODS: dict[type, tuple[str, ...]] = {
    HyperBandScheduler: ("_process_bracket",),
    JsonLoggerCallback: ("_restore_from_remote",),
    PopulationBasedTraining: ("_checkpoint_or_exploit", "_get_new_config", "_quantiles", "_save_trial_state"),
    TuneController: ("_mark_trial_to_checkpoint", "checkpoint"),
    _ObjectCache: ("increase_max",),
}
"""Called, or replaced by ours, in a class of this room or below."""

ATTRIBUTES: dict[type, tuple[str, ...]] = {
    OptunaSearch: ("_ot_study", "_ot_trials", "_completed_trials"),
    PopulationBasedTraining: ("_trial_state", "_next_perturbation_sync"),
    TrialRunnerWrapper: ("_tune_controller",),
    TuneController: ("_actor_cache",),
    _CheckpointManager: ("_checkpoint_results",),
}
"""Read or set there."""


def keep_actors(controller: Any, trials: Iterable[Trial]) -> None:
    """The actors of these trials outlive a pause, for the next trial: to start one takes seconds.

    Args:
        controller: What Ray gives a scheduler.
        trials: Those that may wait at a time.
    """
    for trial in trials:
        controller._tune_controller._actor_cache.increase_max(trial.placement_group_factory)


def save(controller: Any, changed: Iterable[Trial]) -> None:
    """Ray's snapshot is written now, with these trials as they are: Ray takes no notice of a new config by itself.

    Args:
        controller: What Ray gives a scheduler.
        changed: Trials whose config is another one.
    """
    for trial in changed:
        controller._tune_controller._mark_trial_to_checkpoint(trial)
    controller._tune_controller.checkpoint(force=True)


def forget_checkpoints(trial: Trial, gone: Callable[[Any], bool]) -> None:
    """The trial knows of no checkpoint that is gone."""
    manager: Any = trial.run_metadata.checkpoint_manager
    manager._checkpoint_results = [kept for kept in manager._checkpoint_results if not gone(kept.checkpoint)]
