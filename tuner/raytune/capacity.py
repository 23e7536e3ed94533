"""Spot instances that are not to be had: it is said, and after a while dearer ones take their place."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tuner.errors import short
from tuner.raytune.autoscaling import WorkerType, last_refusal, limit, worker_types
from tuner.raytune.watch import ClusterState

RECENT_S = 120.0
"""A refusal may take so long: the autoscaler asks in each zone, several times, for one type after the other."""
AGAIN_S = 900.0
"""After which spot instances are tried again."""
JOINED_S = 900.0
"""By then a node that was got has joined, or never does."""
LOGS = "ray exec cluster.yaml 'tail -n 100 /tmp/ray/session_latest/logs/monitor*'"
Step = Literal["", "begins", "ends", "falls back", "is nowhere", "tries again"]


@dataclass(frozen=True)
class Shortage:
    """How it stands with what is not to be had.

    Attributes:
        since: When it began; None while there is none.
        fell_back: When dearer nodes were asked for; None if they were not.
        told: Whether those are not to be had either, and that was said.
    """

    since: float | None = None
    fell_back: float | None = None
    told: bool = False


def next_step(
    shortage: Shortage, *, refused: bool, dearer_refused: bool, waiting: bool, now: float, patience_s: float
) -> Step:
    """What is to be done now.

    Args:
        shortage: How it stood.
        refused: Whether a node was, of late.
        dearer_refused: Whether one was that takes the place of others.
        waiting: Whether work waits for nodes.
        now: On the clock of the shortage.
        patience_s: How long work may wait.
    """
    if shortage.fell_back is not None:
        if now - shortage.fell_back >= AGAIN_S:
            return "tries again"
        return "is nowhere" if dearer_refused and waiting and not shortage.told else ""
    if shortage.since is None:
        return "begins" if refused and waiting else ""
    if not refused or not waiting:
        return "ends"
    return "falls back" if now - shortage.since >= patience_s else ""


class Capacity:
    """Watches whether the nodes that the autoscaler asks for are to be had.

    Args:
        patience_s: How long work may wait for spot instances before it gets others.
        say: Tells the user.
    """

    def __init__(self, patience_s: float, say: Callable[[str], None]) -> None:
        self._patience_s, self._say, self._shortage = patience_s, say, Shortage()
        self._coming = _Coming()

    def __call__(self, state: ClusterState) -> None:
        """The cluster is like this now."""
        recent = [one for one in state.refused if one.at > time.time() - RECENT_S]
        now, dearer = time.monotonic(), {other.name for _, other in _pairs()}
        step = next_step(
            self._shortage,
            refused=bool(recent),
            dearer_refused=any(one.kind in dearer for one in recent),
            waiting=state.waiting,
            now=now,
            patience_s=self._patience_s,
        )
        if step == "begins":
            self._shortage = Shortage(now)
            self._say(self._told(recent[-1].kind))
        elif step == "falls back":
            self._fall_back(state, now)
        elif step == "is nowhere":
            self._shortage = replace(self._shortage, told=True)
            self._say(f"on-demand nodes are not to be had either ({short(last_refusal(), 300)}); trials wait")
        elif step:
            self._shortage = Shortage()
            limit_as_usual(state)
        if self._coming.is_stuck(state, now):
            minutes = JOINED_S / 60
            self._say(f"nodes that were got {minutes:g} min ago have not joined; why is in Ray's logs: {LOGS}")

    def _fall_back(self, state: ClusterState, now: float) -> None:
        self._shortage = Shortage(self._shortage.since, now)
        pairs, there = _pairs(), _there(state)
        if pairs:
            limits = {spot.name: there[spot.name] for spot, _ in pairs}
            limit(limits | {other.name: spot.usual for spot, other in pairs})
            names = ", ".join(dict.fromkeys(other.name for _, other in pairs))
            self._say(f"still no capacity: nodes of the type {names} are asked for now, at full price")

    def _told(self, kind: str) -> str:
        others = _pairs()
        then = f"after {self._patience_s / 60:.3g} min on-demand ones are asked for" if others else "trials wait"
        return f"no node of the type {kind} is to be had ({short(last_refusal(), 300)}); {then}"


def limit_as_usual(state: ClusterState) -> None:
    """What may be asked for is as the cluster file has it, but that no node is taken away."""
    there = _there(state)
    changed = [kind for kind in worker_types() if kind.max_workers != kind.usual]
    if changed:
        limit({kind.name: max(kind.usual, there[kind.name]) for kind in changed})


@dataclass
class _Coming:
    """Nodes that are being made ready, and for how long none of them has joined."""

    since: float | None = None
    there: int = 0
    told: bool = False

    def is_stuck(self, state: ClusterState, now: float) -> bool:
        """Whether work has waited for them for long; true once."""
        if not (state.coming and state.waiting) or len(state.nodes) > self.there:
            self.since, self.told = None, False
        self.there = len(state.nodes)
        if state.coming and state.waiting and self.since is None:
            self.since = now
        stuck = self.since is not None and now - self.since >= JOINED_S and not self.told
        self.told = self.told or stuck
        return stuck


def _pairs() -> list[tuple[WorkerType, WorkerType]]:
    """Each kind of spot node with one that is as good."""
    kinds = worker_types()
    return [(spot, other) for spot in kinds for other in kinds if _takes_its_place(spot, other)]


def _takes_its_place(spot: WorkerType, other: WorkerType) -> bool:
    """Ray adds other resources, the accelerator's name among them, to what the cluster file has."""
    same = all(spot.resources.get(kind, 0) == other.resources.get(kind, 0) for kind in ("CPU", "GPU"))
    return spot.spot and not other.spot and same


def _there(state: ClusterState) -> Counter[str]:
    return Counter((*state.nodes.values(), *state.coming))
