"""Nodes that are got and never join: their setup fails, or they cannot reach the head."""

from tuner.raytune.watch import ClusterState

PATIENCE_S = 900.0
"""By then a node that was got has joined, or never does."""
LOGS = "ray exec cluster.yaml 'tail -n 100 /tmp/ray/session_latest/logs/monitor*'"


class Joining:
    """For how long work has waited for nodes of which none has joined.

    Ray ends a node whose setup has failed and gets another one, so that between the two none is being made ready.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._there, self._said, self._begun = set[str](), False, False

    def news(self, state: ClusterState, now: float) -> list[str]:
        """What the user should know, each once."""
        begun, self._begun = self._begun, bool(state.coming and state.waiting)
        kinds = ", ".join(dict.fromkeys(state.coming))
        starting = f"nodes of the type {kinds} are being started; in a few minutes they take work"
        stuck = f"nodes that were got {PATIENCE_S / 60:g} min ago have not joined; why is in Ray's logs: {LOGS}"
        return [*([starting] if self._begun and not begun else []), *([stuck] if self._is_stuck(state, now) else [])]

    def _is_stuck(self, state: ClusterState, now: float) -> bool:
        if not state.waiting or state.nodes.keys() - self._there:
            self._since, self._said = None, False
        self._there = set(state.nodes)
        if state.coming and state.waiting and self._since is None:
            self._since = now
        stuck = self._since is not None and now - self._since >= PATIENCE_S and not self._said
        self._said = self._said or stuck
        return stuck
