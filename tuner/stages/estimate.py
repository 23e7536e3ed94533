"""How long work takes at most on the nodes of a cluster, and what it costs: numbers in, numbers out."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.results.spent import HOUR_S, Machine

START_S = 240.0
"""Until a node that was asked for takes work: three to four minutes with a GPU's image."""


@dataclass(frozen=True)
class NodePool:
    """Nodes of one kind that may be had.

    Attributes:
        machine: What each is.
        nodes: How many there may be.
        slots: Trials that each holds at a time.
        always: Whether all of them run all the time, as the head does.
    """

    machine: Machine
    nodes: int
    slots: int
    always: bool = False


@dataclass(frozen=True)
class Estimate:
    """What work takes at most.

    Attributes:
        seconds: Of wall time.
        nodes: Kind of machine to how many of it.
    """

    seconds: float
    nodes: tuple[tuple[Machine, int], ...]

    @property
    def dollars(self) -> float | None:
        """If all nodes run all the time; None if a price is not known."""
        prices = [(machine.dollars_an_hour, number) for machine, number in self.nodes]
        known = [price * number for price, number in prices if price is not None]
        return sum(known) * self.seconds / HOUR_S if len(known) == len(prices) else None


def makespan(durations: Iterable[float], slots: int) -> float:
    """Seconds until all work is done, each piece begun in its turn wherever a slot is free.

    No piece that takes less time makes it longer, so with upper bounds this is one.
    """
    ends = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def estimated(
    stages: Sequence[Sequence[float]], pools: Sequence[NodePool], at_a_time: int | None = None, alone_s: float = 0.0
) -> Estimate | None:
    """What the stages take, one after the other.

    Args:
        stages: Seconds of each piece of work of a stage, on one slot; they do not depend on each other.
        pools: Those that are taken first come first.
        at_a_time: Pieces that may run at a time; None is as many as fit.
        alone_s: Seconds of what is done by one node at the end.

    Returns:
        None if no node holds a piece.
    """
    wanted = max((len(stage) for stage in stages), default=0)
    wanted = wanted if at_a_time is None else min(wanted, at_a_time)
    left, taken, start_s = wanted, list[tuple[Machine, int]](), 0.0
    for pool in pools:
        needed = min(pool.nodes, math.ceil(left / pool.slots)) if pool.slots else 0
        left = max(0, left - needed * pool.slots)
        start_s = START_S if needed and not pool.always else start_s
        number = pool.nodes if pool.always else needed
        taken += [(pool.machine, number)] if number else []
    slots = wanted - left
    if not slots:
        return None
    return Estimate(start_s + sum(makespan(stage, slots) for stage in stages) + alone_s, tuple(taken))
