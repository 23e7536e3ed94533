"""Runs the trials."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray import tune

from tuner import interrupts
from tuner.errors import TunerError, last_line
from tuner.raytune.disk_budget import DiskBudget
from tuner.raytune.fault_tolerance.evacuation import Evacuation
from tuner.raytune.fault_tolerance.failures import NO_ROOM, Failures, kind_of
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.fault_tolerance.snapshot import Snapshot
from tuner.raytune.internals import ask_before_retrying, delete_with, keep_names, keep_no_statistics, upload_with
from tuner.raytune.ray_tuner import new_tuner, restored_tuner, trainable_for
from tuner.raytune.relay import Listener, Relay
from tuner.raytune.resources import slots_to_come
from tuner.raytune.stopper import StopEarly
from tuner.raytune.storage_traffic import Deletions, Uploads
from tuner.raytune.trials import Conditions, Trials
from tuner.results.entry import Entry

log = logging.getLogger(__name__)


def run_trials(
    trials: Trials,
    conditions: Conditions,
    listeners: tuple[Listener, ...] = (),
    added: Callable[[Entry], None] = lambda entry: None,
) -> frozenset[str]:
    """Every variant is a trial of Ray Tune, run to its end, or to an interruption.

    What is in the experiment's folder is gone on with: the searcher's and the scheduler's state by Ray's last snapshot,
    each trial by its last checkpoint.

    Args:
        trials: What to run.
        conditions: Under which.
        listeners: Told of every result.
        added: Told of every variant that is suggested on the way, before its trial begins.

    Returns:
        Names of the variants whose trials ended in this call.

    Raises:
        TunerError: the storage has no room, or the disk budget is too small; nothing is lost.
    """
    launch = _Launch(trials, conditions, listeners)
    trials.method.begin(trials.experiment, added)
    launch.run()
    untold = launch.tell_untold(listeners)
    trials.method.end()
    return frozenset(launch.relay.ended) | untold


class _Launch:
    """What watches over trials in this process, begun before Ray restores what it has pickled of it."""

    def __init__(self, trials: Trials, conditions: Conditions, listeners: tuple[Listener, ...]) -> None:
        self._trials, self._conditions, self._experiment = trials, conditions, trials.experiment
        folder = self._experiment.folder
        self.failures = Failures(Evacuation().begin().concerns)
        ask_before_retrying(self.failures.is_tried_again)
        keep_names()
        keep_no_statistics()
        self.deletions = Deletions(at_once=conditions.disk is not None)
        delete_with(self.deletions.delete)
        upload_with(lambda: Uploads().upload)
        self.recovery = Recovery(folder).begin()
        self.recovery.complete_rows(entry.name for entry in trials.entries)
        records = self._experiment.records_of(trials.entries)
        curves = {record.variant: {one.step: one.rmse for one in record.measurements} for record in records}
        self._left = tuple(one for one, record in zip(trials.entries, records, strict=True) if not record.ended)
        StopEarly(trials.limits, self._experiment.mark_time_up, curves).begin()
        self.relay = Relay(listeners, self.failures).begin()
        self.snapshot = Snapshot(folder).begin()
        self.budget = DiskBudget(folder, conditions.disk, frozenset(entry.name for entry in self._left)).begin()

    def run(self) -> None:
        """Ray has run all trials to their end, or to an interruption."""
        trainable, resources = trainable_for(self._conditions), self._conditions.resources
        at_a_time = resources.max_concurrent
        if at_a_time is None and self._trials.method.asks_ahead:
            at_a_time = slots_to_come(resources)

        def new(entries: tuple[Entry, ...]) -> tune.Tuner:
            watchers = (self.recovery, self.relay, self.snapshot, self.budget)
            return new_tuner(trainable, self._trials, entries, at_a_time, *watchers)

        tuner = self._restored(trainable)
        if tuner is not None or self._left or self._trials.method.unfinished:
            self._fit(tuner or new(self._left))
        if self.relay.all_ended() and not self._experiment.time_was_up:
            interrupts.heed()
            unknown = self._unknown()
            if unknown or self._trials.method.unfinished:
                self._fit(new(unknown))
        self.recovery.complete_rows(self.relay.seen)  # where Ray could not fetch those of before from the storage

    def _restored(self, trainable: Any) -> tune.Tuner | None:
        """Ray's tuner by its last snapshot; None if there is none that this version can read."""
        if not self.snapshot.restore():
            return None
        try:
            return restored_tuner(trainable, self._trials, retry_failed=self._conditions.retry_failed)
        except Exception as error:  # noqa: BLE001  # whatever unpickling meets: a name that is another by now
            place = self._experiment.folder.uri
            log.warning("Ray's snapshot in %s cannot be used (%s): trials begin again, from checkpoints", place, error)
            self.snapshot.forget()
            return None

    def _unknown(self) -> tuple[Entry, ...]:
        """Variants that Ray has never heard of: it restored a list made without them.

        A search that was out of time when Ray saved it asks for no more, though there is time again.
        """
        others = self._trials.entries if self._trials.method.is_listed else ()
        unseen = (entry for entry in others if entry.name not in self.relay.seen)
        return tuple(entry for entry in unseen if not self._experiment.record(entry).ended)

    def _fit(self, tuner: tune.Tuner) -> None:
        try:
            try:
                with _own_interrupts():
                    tuner.fit()
            finally:
                self.relay.tell()
                self.snapshot.keep()
                self.deletions.settle()
        except Exception as error:
            self.recovery.check()
            log.exception("Ray Tune failed")
            if kind_of(str(error)) != NO_ROOM:
                raise TunerError(f"Ray Tune failed: {last_line(str(error))}; go on with --resume") from error
            self.failures.no_room = last_line(str(error))
        self.recovery.check()
        if self.budget.exceeded:
            raise TunerError(
                f"--disk-budget is too small: {self.budget.exceeded}; go on with --resume and a larger one"
            )
        if self.failures.no_room:
            raise TunerError(
                f"there is no room in the storage, {self._experiment.folder.uri}, or on this machine "
                f"({self.failures.no_room}); make some, and go on with --resume"
            )

    def tell_untold(self, listeners: tuple[Listener, ...]) -> frozenset[str]:
        """The trials that ended without Ray's saying so; from now on their folders and the listeners know it.

        Since time was up, or since a crash came between Ray's snapshot and what their folders tell: Ray does not go on
        with trials that it has ended.
        """
        experiment, before = self._experiment, self.relay.before or {}
        time_up = experiment.time_was_up
        known = experiment.entries() if self._trials.method.suggestions is not None else self._trials.entries
        told = self.relay.ended
        untold = experiment.records_of(tuple(entry for entry in known if entry.name not in told))
        names = [record.variant for record in untold if not record.ended]
        ended = [name for name in names if time_up or name in before]
        for name in ended:
            for listener in listeners:
                listener.ended(name, before.get(name, ""))
            if not before.get(name):
                experiment.mark_stopped(name, time_up or "the search ended it")
        return frozenset(ended)


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Ctrl-C does again what it did before: Ray leaves a handler of its own behind, which swallows the next one."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
