"""Runs the trials."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.exceptions import RayError
from ray.tune.error import TuneError

from tuner.dataset.load import Dataset
from tuner.errors import TunerError, last_line
from tuner.raytune.assignment import name_of
from tuner.raytune.cluster import Resources
from tuner.raytune.disk_budget import Disk, DiskBudget
from tuner.raytune.failures import NO_ROOM, Failures, kind_of
from tuner.raytune.internals import keep_names
from tuner.raytune.method import LISTED, Method
from tuner.raytune.recovery import Recovery
from tuner.raytune.relay import Listener, Relay
from tuner.raytune.rows import JsonRows, TableRows
from tuner.raytune.snapshot import Snapshot
from tuner.raytune.stopper import Limits, StopEarly
from tuner.raytune.trainable import ConvTrial
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment

SYNC_PERIOD_S = 10
CHECKPOINTS = 2
"""Kept of a trial, at least: the last one may be cut short."""


def run_trials(
    experiment: Experiment,
    entries: tuple[Entry, ...],
    dataset: Dataset,
    *,
    seeds: Mapping[str, int],
    resources: Resources,
    limits: Limits,
    listeners: tuple[Listener, ...],
    method: Method = LISTED,
    added: Callable[[Entry], None] = lambda entry: None,
    retry_failed: bool = False,
    disk: Disk | None = None,
) -> frozenset[str]:
    """Every variant is a trial of Ray Tune, run to its end, or to an interruption.

    What is in the experiment's folder is gone on with: the searcher's and the scheduler's state by Ray's last snapshot,
    each trial by its last checkpoint.

    Args:
        experiment: Where results go.
        entries: The variants; with suggestions, those that are in the manifest already.
        dataset: What they are trained on.
        seeds: Variant to what decides everything random in its trial.
        resources: With every default filled in.
        limits: When trials end that could go on.
        listeners: Told of every result.
        method: How trials are chosen, and which end early.
        added: Told of every variant that is suggested on the way, before its trial begins.
        retry_failed: Whether trials that Ray has given up go on, too.
        disk: How large a folder may become; None is without end.

    Returns:
        Names of the variants whose trials ended in this call.

    Raises:
        TunerError: the storage has no room, or the disk budget is too small; nothing is lost.
    """
    Relay.begin(listeners)
    Recovery.begin(experiment.folder, [entry.name for entry in entries])
    records = [experiment.record(entry) for entry in entries]
    curves = {record.variant: {one.step: one.rmse for one in record.measurements} for record in records}
    StopEarly.begin(limits, experiment.mark_time_up, curves=curves)
    Failures.begin()
    keep_names()
    DiskBudget.begin(experiment.folder, disk)
    Snapshot.begin(experiment.folder)
    method.begin(experiment, added)
    trainable = _trainable(dataset, resources)
    if Snapshot.restore():
        tuner = tune.Tuner.restore(
            experiment.folder.uri, trainable, resume_unfinished=True, resume_errored=retry_failed
        )
    else:
        left = tuple(entry for entry, record in zip(entries, records, strict=True) if not record.ended)
        tuner = _new_tuner(trainable, experiment, left, seeds, resources, method)
    _fit(tuner, experiment.folder.uri)
    unknown = [entry for entry in entries if entry.name not in Relay.seen and not experiment.record(entry).ended]
    if unknown and method.is_listed and Relay.all_ended() and not experiment.time_was_up:
        # Ray has restored a list that was made without them
        _fit(_new_tuner(trainable, experiment, tuple(unknown), seeds, resources, method), experiment.folder.uri)
    known = experiment.entries() if method.suggestions is not None else entries
    untold = _untold(experiment, known, listeners)
    method.end()
    return frozenset(Relay.ended) | untold


def _fit(tuner: tune.Tuner, place: str) -> None:
    """Ray has run the trials to their end, or to an interruption."""
    try:
        try:
            with _own_interrupts():
                tuner.fit()
        finally:
            Relay.tell()
            Snapshot.keep()
    except (TuneError, OSError, TunerError) as error:
        if kind_of(str(error)) != NO_ROOM:
            raise TunerError(f"Ray Tune failed: {last_line(str(error))}; go on with --resume") from error
        Failures.no_room = last_line(str(error))
    if DiskBudget.exceeded:
        raise TunerError(f"--disk-budget is too small: {DiskBudget.exceeded}; go on with --resume and a larger one")
    if Failures.no_room:
        raise TunerError(
            f"there is no room in the storage, {place}, or on this machine ({Failures.no_room}); make some, and go on "
            "with --resume"
        )


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Ctrl-C does again what it did before: Ray leaves a handler of its own behind, which swallows the next one."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _untold(experiment: Experiment, entries: tuple[Entry, ...], listeners: tuple[Listener, ...]) -> frozenset[str]:
    """The trials that ended without Ray's saying so; from now on their folders and the listeners know it.

    Since time was up, or since a crash came between Ray's snapshot and what their folders tell: Ray does not go on with
    trials that it has ended.
    """
    before, time_up = Relay.before or {}, experiment.time_was_up
    names = [entry.name for entry in entries if entry.name not in Relay.ended and not experiment.record(entry).ended]
    ended = [name for name in names if time_up or name in before]
    for name in ended:
        for listener in listeners:
            listener.ended(name, before.get(name, ""))
        if not before.get(name):
            experiment.mark_stopped(name, "time was up" if time_up else "the search ended it")
    return frozenset(ended)


def _trainable(dataset: Dataset, resources: Resources) -> Any:
    parameters = {
        "dataset": dataset,
        "threads": int(resources.cpus_per_trial),
        "gpu": bool(resources.gpus_per_trial),
    }
    wanted = {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial or 0}
    try:
        return tune.with_resources(tune.with_parameters(ConvTrial, **parameters), wanted)
    except RayError as error:
        megabytes = (dataset.images.nbytes + dataset.responses.nbytes) / 1e6
        raise TunerError(
            f"Ray's object store has no room for the data set, {megabytes:.0f} MB: {last_line(str(error))}"
        ) from None


def _new_tuner(
    trainable: Any,
    experiment: Experiment,
    entries: tuple[Entry, ...],
    seeds: Mapping[str, int],
    resources: Resources,
    method: Method,
) -> tune.Tuner:
    parent, _, name = experiment.folder.uri.rpartition("/")
    assignments = [method.assignment(entry, seeds[entry.name]) for entry in entries]
    keep = max(
        CHECKPOINTS, method.checkpoints_needed, *(entry.config.training.keep_checkpoint_max for entry in entries)
    )
    tuning, callbacks = method.tuning(resources.max_concurrent)
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
            verbose=0,
            stop=StopEarly(),
            callbacks=[TableRows(), JsonRows(), Relay(), Snapshot(), DiskBudget(), *callbacks],
            failure_config=tune.FailureConfig(max_failures=-1),  # see `Failures`
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=False, num_to_keep=keep),
            sync_config=tune.SyncConfig(sync_period=SYNC_PERIOD_S),
        ),
    )


def _trial_name(trial: tune.experiment.Trial) -> str:
    return name_of(trial.config)
