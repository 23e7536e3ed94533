"""What share of the wall time is orchestration, by what one result, one checkpoint and one copy of the files cost.

A trial trains for an interval, tells its result, writes its checkpoint to the storage, and trains on. One thread of the
driver serves the results of all slots, each in the same time: a queue M/D/1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

LAW = 0.05
"""Of the wall time, at most."""
MOST = 1e15
MOST_BUSY = 0.95
"""With snapshots: between two of them Ray looks at one result, at least."""


@dataclass(frozen=True)
class Costs:
    """What a driver takes.

    Attributes:
        result_s: CPU seconds of a result and its checkpoint, of all threads: they share one interpreter.
        snapshot_s_a_trial: CPU seconds of a snapshot of the experiment, for each trial in the list.
        result_requests: To the storage, for which the driver waits with each result.
        checkpoint_requests: Of one checkpoint's way to the storage, one after the other.
        sync_requests: Of one copy of the driver's files for each trial in the list.
        sync_requests_a_slot: As above, for each that runs.
        sync_at_a_time: How many of them, counted by the time that a copy takes.
        start_s: Until a slot has its next trial.
        start_requests: To the storage, for which the driver, and so every slot, waits with each trial's start.
    """

    result_s: float
    snapshot_s_a_trial: float
    result_requests: float
    checkpoint_requests: float
    sync_requests: float
    sync_requests_a_slot: float
    sync_at_a_time: float
    start_s: float
    start_requests: float


@dataclass(frozen=True)
class Search:
    """What is run, and where.

    Attributes:
        trials: In the list.
        slots: Trials at a time.
        evaluations: Of a trial.
        checkpoint_bytes: Of one checkpoint.
        request_s: Until the storage answers.
        bytes_a_s: To the storage, of one slot.
    """

    trials: int
    slots: int
    evaluations: int
    checkpoint_bytes: float
    request_s: float
    bytes_a_s: float


def service_s(costs: Costs, search: Search) -> float:
    """Seconds of the driver for each result; the start of a trial is shared among its results."""
    requests = costs.result_requests + costs.start_requests / search.evaluations
    return costs.result_s + requests * search.request_s


def capacity(costs: Costs, search: Search) -> float:
    """Results a second that the driver can take, between snapshots."""
    return 1 / service_s(costs, search)


def snapshots(costs: Costs, search: Search, interval_s: float) -> tuple[float, float]:
    """Seconds of a snapshot, during which no result is looked at, and from one to the next.

    Ray takes one every 10 s, or nineteen times as long as it takes; and whenever a trial has had as many checkpoints as
    it keeps, which is about once an interval.
    """
    seconds = costs.snapshot_s_a_trial * search.trials
    return seconds, max(seconds / MOST_BUSY, min(max(10.0, 19 * seconds), interval_s))


def waiting_s(rate: float, service: float) -> float:
    """Mean seconds that a result waits for those before it, at so many a second: M/D/1 (Pollaczek and Khinchine)."""
    load = rate * service
    return load * service / (2 * (1 - load)) if load < 1 else math.inf


def driver_s(service: float, slots: int, away_s: float) -> float:
    """Seconds from a result until its trial goes on; with as many slots, each away for so long between two results.

    Slots that wait send nothing: so the rate is that at which all of this agrees.
    """
    return _least(lambda spent: service + waiting_s(slots / (away_s + spent), service) <= spent)


def sync_s(costs: Costs, search: Search) -> float:
    """Seconds of one copy of the driver's files."""
    requests = costs.sync_requests * search.trials + costs.sync_requests_a_slot * search.slots
    return requests * search.request_s / costs.sync_at_a_time


def checkpoint_s(costs: Costs, search: Search) -> float:
    """Seconds of one checkpoint's way to the storage."""
    return costs.checkpoint_requests * search.request_s + search.checkpoint_bytes / search.bytes_a_s


def parts(costs: Costs, search: Search, interval_s: float) -> dict[str, float]:
    """Seconds beside training for each result of a slot, by what for.

    Args:
        costs: The driver's.
        search: What is run.
        interval_s: Of training and evaluation, between two results of a trial.
    """
    away = interval_s + checkpoint_s(costs, search)
    snapshot, every = snapshots(costs, search, interval_s)
    busy = snapshot / every
    driver = driver_s(service_s(costs, search) / (1 - busy), search.slots, away)
    return {
        "driver": driver,
        "snapshot": busy * snapshot / 2,
        "checkpoint": checkpoint_s(costs, search),
        "copy of the files": max(0.0, sync_s(costs, search) / 2 - away - driver),  # waited for with each second result
        "start of a trial": costs.start_s / search.evaluations,
    }


def share(costs: Costs, search: Search, interval_s: float) -> float:
    """Of the wall time, what is neither training nor evaluation."""
    beside = sum(parts(costs, search, interval_s).values())
    return beside / (interval_s + beside)


def shortest_interval_s(costs: Costs, search: Search, law: float = LAW) -> float:
    """Of those that keep the law, to a thousandth; infinite if none does."""
    return _least(lambda interval_s: share(costs, search, interval_s) <= law)


def largest_checkpoint(costs: Costs, search: Search, interval_s: float, law: float = LAW) -> float:
    """Bytes of the largest checkpoint that keeps the law at this interval; 0 if none does."""

    def breaks(size: float) -> bool:
        return share(costs, replace(search, checkpoint_bytes=size), interval_s) > law

    return 0.0 if breaks(0.0) else _least(breaks)


def _least(holds: Callable[[float], bool]) -> float:
    """The least number for which it holds, as it does for all that are more; infinite if there is none."""
    high = 1e-3
    while not holds(high):
        high *= 2
        if high > MOST:
            return math.inf
    low = 0.0
    while high - low > high / 10_000:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
