"""Runs functions on Ray's workers."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar

import ray
from ray.core.generated.common_pb2 import NodeDeathInfo  # type: ignore[attr-defined]

from tuner.errors import TunerError
from tuner.raytune.resources import GPUS_OF_A_TRIAL, Resources, node_shapes

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
RETRIES = 2
"""By Ray, of a task whose process has died."""
LOOK_EVERY_S = 5.0
UNPLANNED = (NodeDeathInfo.UNEXPECTED_TERMINATION, NodeDeathInfo.AUTOSCALER_DRAIN_PREEMPTED)
log = logging.getLogger(__name__)


def on_worker(function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What the function returns, run on the node with the most CPUs (and on a GPU, if there is one) with all of them.

    Raises:
        TunerError: the function's own, or one that tells what else it raised, or that its worker was lost.
    """
    nodes = node_shapes()
    gpus = 1 if any(node.get("GPU", 0) for node in nodes) else 0
    cpus = max(node.get("CPU", 0) for node in nodes if node.get("GPU", 0) >= gpus) or 1
    remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(function)
    result: Result = _results([lambda: remote.remote(*args, **kwargs)])[0]
    return result


def on_workers(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], resources: Resources | None = None
) -> list[Any]:
    """What the function returns for each tuple of arguments, each with one CPU, and half a GPU where there is one.

    Two processes of one thread do more than one of two, and threads that share their cores with other programs wait for
    each other most of the time.

    Args:
        function: Also gets `threads`, how many it may use, and `gpu`, the part of one.
        calls: The tuples.
        resources: With every default filled in: what each call may use, if it is something else.

    Raises:
        TunerError: as `on_worker`.
    """
    gpus = GPUS_OF_A_TRIAL if any(node.get("GPU", 0) for node in node_shapes()) else 0.0
    given = resources or Resources(1, gpus)
    cpus, gpus = given.cpus_per_trial, given.gpus_per_trial or 0.0
    remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_call)
    shared, threads = ray.put(function), max(1, int(cpus))
    return _results([partial(remote.remote, shared, arguments, threads, gpus) for arguments in calls])


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], threads: int, gpu: float) -> Any:
    return function(*arguments, threads=threads, gpu=gpu)


def _results(begin: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the tasks return that each of these begins."""
    try:
        found: list[Any] = ray.get(_ended(begin))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TunerError):
            raise error.cause from None
        raise TunerError(f"a worker failed: {type(error.cause).__name__}: {error.cause}") from error
    except ray.exceptions.RayError as error:
        told = str(error).splitlines()[0]
        raise TunerError(f"a worker was lost: {told}; what was done is kept: go on with --resume") from error
    return found


def _ended(begin: Sequence[Callable[[], Any]]) -> list[Any]:
    """The tasks, all of which have ended, or those of them that have if one has failed.

    Ray may wait many minutes for a task on a node that vanished from the network, though it knows that the node is dead
    (seen with Ray 2.60). So whenever a node was lost, what has not ended begins again.
    """
    tasks, lost = [each() for each in begin], _lost()
    while True:
        ended, left = ray.wait(tasks, num_returns=len(tasks), timeout=LOOK_EVERY_S)
        if not left or _failed(ended):
            return tasks if not left else ended
        now = _lost()
        if now - lost:
            log.warning("a node was lost: %d of %d tasks begin again", len(left), len(tasks))
            for number, task in enumerate(tasks):
                if task in left:
                    ray.cancel(task, force=True)
                    tasks[number] = begin[number]()
        lost = now


def _lost() -> frozenset[str]:
    """The nodes that are gone and were not sent away, as the autoscaler does with those that have no work."""
    return frozenset(node["NodeID"] for node in ray.nodes() if not node["Alive"] and node["DeathReason"] in UNPLANNED)


def _failed(tasks: list[Any]) -> bool:
    try:
        ray.get(tasks)
    except ray.exceptions.RayError:
        return True
    return False
