"""Runs functions on Ray's workers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from tuner.raytune.resources import Resources, node_shapes
from tuner.raytune.tasks import results_of, tell_place

RETRIES = 2
"""By Ray, of a task whose process has died."""
WAIT_S = 5


class Workers:
    """Those that do what is to be done besides trials.

    Args:
        gpus: The part of a GPU that a trial uses; without any, none of this does.
    """

    def __init__(self, gpus: float) -> None:
        self._gpus = gpus

    def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns, run with all CPUs of the node that has most, and on a GPU if trials use some.

        Raises:
            TunerError: the function's own, or one that tells what else it raised, or that its worker was lost.
        """
        gpus = 1 if self._gpus else 0
        cpus = max((node.get("CPU", 0) for node in node_shapes() if node.get("GPU", 0) >= gpus), default=1) or 1
        remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_do)
        return results_of([lambda key: remote.remote(key, function, args, kwargs)])[0]

    def each(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the function returns for each tuple of arguments, each with one CPU, and a trial's part of a GPU.

        Two processes of one thread do more than one of two, and threads that share their cores with other programs wait
        for each other most of the time.

        Args:
            function: Also gets `threads`, how many it may use, and `gpu`, the part of one.
            calls: The tuples.

        Raises:
            TunerError: as above.
        """
        return on_workers(function, calls, Resources(1, self._gpus))


def on_workers(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], resources: Resources, *, together: bool = False
) -> list[Any]:
    """What the function returns for each tuple of arguments.

    Args:
        function: As `Workers.each` has it.
        calls: As above.
        resources: With every default filled in: what each call may use.
        together: Whether all run on one node, and begin once there is room for all.

    Raises:
        TunerError: as above.
    """
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial or 0.0
    with _one_node(cpus, gpus, len(calls)) if together else nullcontext("DEFAULT") as place:
        made: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_call)
        remote = made.options(scheduling_strategy=place)
        shared, threads = ray.put(function), max(1, int(cpus))

        def begin(arguments: tuple[Any, ...], key: str) -> Any:
            return remote.remote(key, shared, arguments, threads, gpus)

        return results_of([partial(begin, arguments) for arguments in calls])


@contextmanager
def _one_node(cpus: float, gpus: float, number: int) -> Iterator[PlacementGroupSchedulingStrategy]:
    """Room for so many calls on one node."""
    bundle = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount}
    group = placement_group([bundle] * number, strategy="STRICT_PACK")
    try:
        while not group.wait(WAIT_S):  # tasks that come before would be called infeasible
            pass
        yield PlacementGroupSchedulingStrategy(group)
    finally:
        remove_placement_group(group)


def _do(key: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tell_place(key)
    return function(*args, **kwargs)


def _call(key: str, function: Callable[..., Any], arguments: tuple[Any, ...], threads: int, gpu: float) -> Any:
    tell_place(key)
    return function(*arguments, threads=threads, gpu=gpu)
