"""Ray's tasks, which begin again if their node is lost."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import ray
from ray.core.generated.common_pb2 import NodeDeathInfo  # type: ignore[attr-defined]

from tuner.errors import TunerError
from tuner.raytune.internals import keep_note, read_note

LOOK_EVERY_S = 5.0
UNPLANNED = (NodeDeathInfo.UNEXPECTED_TERMINATION, NodeDeathInfo.AUTOSCALER_DRAIN_PREEMPTED)
log = logging.getLogger(__name__)


def results_of(begin: Sequence[Callable[[str], Any]]) -> list[Any]:
    """What the tasks return that each of these begins, with a key that it hands to `tell_place`.

    Raises:
        TunerError: a task's own, or one that tells what else it raised, or that its worker was lost.
    """
    try:
        found: list[Any] = ray.get(_ended([_Task(one) for one in begin]))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TunerError):
            raise error.cause from None
        raise TunerError(f"a worker failed: {type(error.cause).__name__}: {error.cause}") from error
    except ray.exceptions.RayError as error:
        told = str(error).splitlines()[0]
        raise TunerError(f"a worker was lost: {told}; what was done is kept: go on with --resume") from error
    return found


def tell_place(key: str) -> None:
    """Called by a task before all else: it is known on which node it runs."""
    keep_note(key, ray.get_runtime_context().get_node_id())


@dataclass
class _Task:
    """One that has begun.

    Attributes:
        begin: Begins it.
        key: Of this time.
        reference: Ray's, to what it returns.
    """

    begin: Callable[[str], Any]
    key: str = ""
    reference: Any = field(init=False)

    def __post_init__(self) -> None:
        self.begin_again()

    def begin_again(self) -> None:
        self.key = f"place of task {uuid4()}"
        self.reference = self.begin(self.key)

    def may_be_at(self, nodes: frozenset[str]) -> bool:
        """Whether it runs on one of the nodes, or nobody knows where, as it is of one that has not begun."""
        return read_note(self.key) in ("", *nodes)


def _ended(tasks: list[_Task]) -> list[Any]:
    """References to the tasks, all of which have ended, or to those that have if one has failed.

    Ray may wait many minutes for a task on a node that vanished from the network, though it knows that the node is dead
    (seen with Ray 2.60). So whenever a node was lost, what ran there begins again.
    """
    lost = _lost()
    while True:
        references = [task.reference for task in tasks]
        ended, left = ray.wait(references, num_returns=len(references), timeout=LOOK_EVERY_S)
        if not left or _failed(ended):
            return references if not left else ended
        now = _lost()
        again = [task for task in tasks if task.reference in left and now - lost and task.may_be_at(now - lost)]
        if again:
            log.warning("a node was lost: %d of %d tasks begin again", len(again), len(left))
        for task in again:
            ray.cancel(task.reference, force=True)
            task.begin_again()
        lost = now


def _lost() -> frozenset[str]:
    """The nodes that are gone and were not sent away, as the autoscaler does with those that have no work."""
    return frozenset(node["NodeID"] for node in ray.nodes() if not node["Alive"] and node["DeathReason"] in UNPLANNED)


def _failed(references: list[Any]) -> bool:
    try:
        ray.get(references)
    except ray.exceptions.RayError:
        return True
    return False
