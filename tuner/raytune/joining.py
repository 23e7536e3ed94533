"""Nodes that are got and never join: their setup fails, or they cannot reach the head."""

from tuner.raytune.watch import ClusterState

PATIENCE_S = 900.0
"""By then a node that was got has joined, or never does."""
LOGS = "ray exec cluster.yaml 'tail -n 100 /tmp/ray/session_latest/logs/monitor*'"


class Joining:
    """For how long work has waited for nodes of which none has joined.

    Ray ends a node whose setup has failed and gets another one, so that between the two none is being made ready.
    """

    told = f"nodes that were got {PATIENCE_S / 60:g} min ago have not joined; why is in Ray's logs: {LOGS}"

    def __init__(self) -> None:
        self._since: float | None = None
        self._there, self._said = set[str](), False

    def is_stuck(self, state: ClusterState, now: float) -> bool:
        """Whether it is long; true once."""
        if not state.waiting or state.nodes.keys() - self._there:
            self._since, self._said = None, False
        self._there = set(state.nodes)
        if state.coming and state.waiting and self._since is None:
            self._since = now
        stuck = self._since is not None and now - self._since >= PATIENCE_S and not self._said
        self._said = self._said or stuck
        return stuck
