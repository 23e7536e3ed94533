"""Spot instances that are not to be had: it is said, and after a while dearer ones take their place."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tuner.errors import short
from tuner.raytune.autoscaling import fell_back_at, last_refusal
from tuner.raytune.joining import Joining
from tuner.raytune.node_limits import fall_back, follow, limit_as_usual, pairs
from tuner.raytune.watch import ClusterState

RECENT_S = 120.0
"""A refusal may take so long: the autoscaler asks in each zone, several times, for one type after the other."""
AGAIN_S = 900.0
"""After which spot instances are tried again."""
OF_CAPACITY = ("InsufficientInstanceCapacity", "SpotMaxPriceTooLow", "UnfulfillableCapacity", "Ray does not tell why")
"""AWS's words, or none, where another market may help: by a quota or a right too few, it would only cost more."""
Step = Literal["", "begins", "ends", "falls back", "is nowhere", "tries again"]


@dataclass(frozen=True)
class Shortage:
    """How it stands with what is not to be had.

    Attributes:
        since: When it began; None while there is none.
        told: Whether dearer nodes are not to be had either, and that was said.
    """

    since: float | None = None
    told: bool = False


def next_step(
    shortage: Shortage,
    *,
    refused: bool,
    dearer_refused: bool,
    dearer_for: float | None,
    waiting: bool,
    now: float,
    patience_s: float,
) -> Step:
    """What is to be done now.

    Args:
        shortage: How it stood.
        refused: Whether a node was, of late.
        dearer_refused: Whether one was that takes the place of others.
        dearer_for: For how many seconds those have been asked for, by this run or another; None if they are not.
        waiting: Whether work waits for nodes.
        now: On the clock of the shortage.
        patience_s: How long work may wait; infinite if no others would be had.
    """
    if dearer_for is not None:
        if dearer_for >= AGAIN_S:
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
        self._joining, self._has_fallen_back = Joining(), False

    def begin(self, state: ClusterState) -> None:
        """What an earlier run has changed is as usual again, unless it was a moment ago."""
        since = fell_back_at()
        if since is None or time.time() - since >= AGAIN_S:
            limit_as_usual(state)

    def end(self, state: ClusterState) -> None:
        """What this one has changed is as usual again."""
        if self._has_fallen_back:
            limit_as_usual(state)

    def __call__(self, state: ClusterState) -> None:
        """The cluster is like this now."""
        recent = [one for one in state.refused if one.at > time.time() - RECENT_S]
        now, dearer, since = time.monotonic(), {other.name for _, other in pairs()}, fell_back_at()
        step = next_step(
            self._shortage,
            refused=bool(recent),
            dearer_refused=any(one.kind in dearer for one in recent),
            dearer_for=None if since is None else time.time() - since,
            waiting=state.waiting,
            now=now,
            patience_s=self._patience_s if _is_of_capacity(last_refusal()) else float("inf"),
        )
        if step == "begins":
            self._shortage = Shortage(now)
            self._say(self._told(recent[-1].kind))
        elif step == "falls back" and dearer:
            fall_back(state)
            self._has_fallen_back = True
            self._say(
                f"still no capacity: nodes of the type {', '.join(sorted(dearer))} are asked for now, at full price"
            )
        elif step == "is nowhere":
            self._shortage = replace(self._shortage, told=True)
            self._say(f"on-demand nodes are not to be had either ({short(last_refusal(), 300)}); trials wait")
        elif step == "ends":
            self._shortage = Shortage()
        elif step == "tries again":
            self._shortage = Shortage()
            limit_as_usual(state)
        follow(state)
        for line in self._joining.news(state, now):
            self._say(line)

    def _told(self, kind: str) -> str:
        reason = last_refusal()
        if not _is_of_capacity(reason):
            then = (
                "no others take their place, since capacity is not what is missing; tuner doctor looks at the account"
            )
        else:
            then = f"after {self._patience_s / 60:.3g} min on-demand ones are asked for" if pairs() else "trials wait"
        return f"no node of the type {kind} is to be had ({short(reason, 300)}); {then}"


def _is_of_capacity(reason: str) -> bool:
    return reason.startswith(OF_CAPACITY)
