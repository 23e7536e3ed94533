"""Runs functions on Ray's workers."""

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import ray

from tuner.errors import TunerError
from tuner.raytune.cluster import GPUS_OF_A_TRIAL

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def on_worker(function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What the function returns, run on the node with the most CPUs (and on a GPU, if there is one) with all of them.

    Raises:
        TunerError: the function's own, or one that tells what else it raised, or that its worker was lost.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = 1 if any(node.get("GPU", 0) for node in nodes) else 0
    cpus = max(node.get("CPU", 0) for node in nodes if node.get("GPU", 0) >= gpus)
    remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=2)(function)
    result: Result = _results([remote.remote(*args, **kwargs)])[0]
    return result


def on_workers(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What the function returns for each tuple of arguments, each with one CPU, and half a GPU where there is one.

    Two processes of one thread do more than one of two, and threads that share their cores with other programs wait for
    each other most of the time.

    Args:
        function: Also gets `threads`, how many it may use.
        calls: The tuples.

    Raises:
        TunerError: as `on_worker`.
    """
    gpus = GPUS_OF_A_TRIAL if ray.cluster_resources().get("GPU", 0) else 0
    remote: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=2)(_call)
    shared = ray.put(function)
    return _results([remote.remote(shared, arguments) for arguments in calls])


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments, threads=1)


def _results(waited_for: list[Any]) -> list[Any]:
    try:
        found: list[Any] = ray.get(waited_for)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TunerError):
            raise error.cause from None
        raise TunerError(f"a worker failed: {type(error.cause).__name__}: {error.cause}") from error
    except ray.exceptions.RayError as error:
        told = str(error).splitlines()[0]
        raise TunerError(f"a worker was lost: {told}; what was done is kept: go on with --resume") from error
    return found
