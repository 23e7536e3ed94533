"""Ray Tune's `Tuner`, as this project uses it."""

from typing import Any

from ray import tune
from ray.exceptions import RayError

from tuner.errors import TunerError, last_line
from tuner.raytune.assignment import name_of
from tuner.raytune.fault_tolerance.rows import JsonRows, TableRows
from tuner.raytune.stopper import StopEarly
from tuner.raytune.trainable import ConvTrial
from tuner.raytune.trials import Conditions, Trials
from tuner.results.entry import Entry

SYNC_PERIOD_S = 10
CHECKPOINTS = 2
"""Kept of a trial, at least: the last one may be cut short."""


def trainable_for(conditions: Conditions) -> Any:
    """The trainable with the data, which lie in Ray's object store, and what a trial asks for.

    Raises:
        TunerError: the store has no room for the data.
    """
    dataset, resources = conditions.dataset, conditions.resources
    parameters = {
        "dataset": dataset,
        "threads": int(resources.cpus_per_trial),
        "gpu": resources.gpus_per_trial or 0,
    }
    wanted = {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial or 0}
    try:
        return tune.with_resources(tune.with_parameters(ConvTrial, **parameters), wanted)
    except RayError as error:
        megabytes = (dataset.images.nbytes + dataset.responses.nbytes) / 1e6
        raise TunerError(
            f"Ray's object store has no room for the data set, {megabytes:.0f} MB: {last_line(str(error))}"
        ) from None


def new_tuner(
    trainable: Any, trials: Trials, entries: tuple[Entry, ...], at_a_time: int | None, *watchers: tune.Callback
) -> tune.Tuner:
    """Of trials that Ray has not begun.

    Args:
        trainable: See `trainable_for`.
        trials: To which they belong.
        entries: Those of them that are to run.
        at_a_time: How many, at most; None is as many as fit.
        watchers: Callbacks of Ray.
    """
    folder = trials.experiment.folder
    parent, _, name = (folder.uri if folder.local else folder.place[1]).rpartition("/")
    method = trials.method
    assignments = [method.assignment(entry, trials.seeds[entry.name]) for entry in entries]
    wanted = (entry.config.training.keep_checkpoint_max for entry in entries)
    keep = max(CHECKPOINTS, method.checkpoints_needed, *wanted)
    tuning, callbacks = method.tuning(at_a_time)
    return tune.Tuner(
        trainable,
        param_space=method.param_space(assignments),
        tune_config=tune.TuneConfig(
            **tuning,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=parent,
            storage_filesystem=None if folder.local else folder.place[0],
            verbose=0,
            stop=StopEarly.current(),
            callbacks=[TableRows(), JsonRows(), *watchers, *callbacks],
            failure_config=tune.FailureConfig(max_failures=-1),  # see `Failures`
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=False, num_to_keep=keep),
            sync_config=tune.SyncConfig(sync_period=SYNC_PERIOD_S),
        ),
    )


def restored_tuner(trainable: Any, trials: Trials, *, retry_failed: bool) -> tune.Tuner:
    """Of trials that Ray goes on with, by the files of its snapshot in the experiment's folder."""
    folder = trials.experiment.folder
    return tune.Tuner.restore(
        folder.uri if folder.local else folder.place[1],
        trainable,
        resume_unfinished=True,
        resume_errored=retry_failed,
        storage_filesystem=None if folder.local else folder.place[0],
    )


def _trial_name(trial: tune.experiment.Trial) -> str:
    return name_of(trial.config)
