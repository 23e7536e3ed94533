"""Trials leave a machine that is about to be taken away."""

import logging
import math
import time
from typing import Any

from ray.tune.experiment import Trial

from tuner.raytune.assignment import name_of
from tuner.raytune.internals import actor_of, ask_before_training, dismiss, draining_nodes, move, node_of

EVERY_S = 2
LAST_S = 20
"""Before its end, in which a trial is moved though it trains: what it would still do is likely to be lost."""
log = logging.getLogger(__name__)


class Evacuation:
    """Trials go on elsewhere if their node is about to be taken away.

    Ray gives a node that is drained no new work, and leaves alone what it has. So a trial is moved between two
    evaluations, when its checkpoint is written and nothing is lost; one that still trains shortly before the end takes
    the steps since its last checkpoint again. To Ray it was paused: that is no failure, and schedulers do not hear of
    it. Its placement group goes, and it asks for another one, which the autoscaler sees.
    """

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._nodes: dict[Any, str] = {}
        self._leaving: frozenset[str] = frozenset()
        self._looked_at = -math.inf

    def begin(self) -> "Evacuation":
        """Ray asks this one from now on."""
        ask_before_training(self.look, self.leaves, self.leave)
        return self

    def concerns(self, trial: Trial) -> bool:
        """Whether the trial, which may have failed since, was on such a node when that was looked at last."""
        return trial.trial_id in self._leaving

    def leaves(self, controller: Any, trial: Trial) -> bool:
        """Whether the trial has a process, or a place for one, on a node that is about to be taken away."""
        actor = actor_of(controller, trial)
        return actor is not None and self._node(controller, actor) in self._ends

    def leave(self, controller: Any, trial: Trial, again: str = "") -> None:
        """The trial waits for a place elsewhere.

        Args:
            controller: Ray's.
            trial: It has a process, or a place for one.
            again: Said of one that had got further than its last checkpoint.
        """
        latest: Any = trial.latest_checkpoint_result
        step = latest.metrics["step"] if latest is not None else 0
        move(controller, trial)
        told = "%s: its machine is about to be taken away; it goes on elsewhere%s from step %s"
        log.warning(told, name_of(trial.config), again, step)

    def look(self, controller: Any) -> None:
        """Which nodes are about to be taken away is known, and nothing waits there; at most every two seconds."""
        if time.monotonic() - self._looked_at < EVERY_S:
            return
        self._looked_at = time.monotonic()
        found = draining_nodes()
        for node in found.keys() - self._ends:
            log.warning("the machine of node %s is about to be taken away", node)
        self._ends.update(found)
        leaving = [trial for trial in controller.get_trials() if self._ends and self.leaves(controller, trial)]
        self._leaving = frozenset(trial.trial_id for trial in leaving)
        dismiss(controller, lambda actor: self._node(controller, actor) in self._ends)
        for trial in leaving:
            if not _has_process(trial):
                self.leave(controller, trial)
            elif self._is_last_moment(controller, trial):
                self.leave(controller, trial, ", once more")

    def _is_last_moment(self, controller: Any, trial: Trial) -> bool:
        end = self._ends[self._node(controller, actor_of(controller, trial))]
        return trial.status == Trial.RUNNING and not trial.is_saving and time.time() > end - LAST_S

    def _node(self, controller: Any, actor: Any) -> str:
        """Of an actor; it stays there."""
        if self._ends and not self._nodes.get(actor):
            self._nodes[actor] = node_of(controller, actor)
        return self._nodes.get(actor, "")


def _has_process(trial: Trial) -> bool:
    return trial.temporary_state.ray_actor is not None
