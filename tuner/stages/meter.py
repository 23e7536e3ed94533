"""Adds up what a run on a cluster costs, by looks at the nodes that are there."""

import time
from collections.abc import Iterable, Mapping

from tuner.results.spent import HOUR_S, Machine, Spent


class Meter:
    """Knows what was spent until now, and at what rate.

    Between two looks, and after the last, the nodes of the earlier look are taken to have run; before the first, those
    of the first. Other threads may ask while one looks.

    Args:
        machines: By the name of the node type.
        before: What was spent in earlier runs of the experiment.
    """

    def __init__(self, machines: Mapping[str, Machine], before: Spent) -> None:
        self._machines = machines
        self._state = (before, tuple[Machine, ...](), time.monotonic())
        self._looked = False

    def look(self, kinds: Iterable[str]) -> None:
        """These nodes are there now.

        Args:
            kinds: The node type of each; one that the cluster file does not have is no machine of the cluster's.
        """
        spent, running, since = self._state
        found = tuple(self._machines[kind] for kind in kinds if kind in self._machines)
        now = time.monotonic()
        self._state = (spent.after(running if self._looked else found, now - since), found, now)
        self._looked = True

    @property
    def spent(self) -> Spent:
        """Until now."""
        spent, running, since = self._state
        return spent.after(running, time.monotonic() - since)

    @property
    def rate(self) -> float:
        """Dollars a second, of the nodes that are there."""
        return sum(machine.dollars_an_hour or 0.0 for machine in self._state[1]) / HOUR_S
