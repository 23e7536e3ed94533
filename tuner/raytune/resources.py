"""Ray itself: starts it, and says what of it a trial may use."""

import logging
import os
from dataclasses import dataclass

import ray

from tuner.errors import InputError, TunerError
from tuner.raytune.autoscaling import most_workers, worker_types
from tuner.raytune.internals import has_autoscaler
from tuner.raytune.slots import most_slots, slots_of

GPUS_OF_A_TRIAL = 0.5


@dataclass(frozen=True)
class Resources:
    """What trials may use.

    Attributes:
        cpus_per_trial: Also the number of threads, rounded down, at least 1.
        gpus_per_trial: May be a fraction; None is half a GPU where there is one, else none.
        max_concurrent: Trials at a time; None is as many as fit.
    """

    cpus_per_trial: float = 1
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None


def start_ray(address: str | None, num_cpus: int | None = None, num_gpus: int | None = None) -> None:
    """This process is connected to the cluster at `address`, or to a new one on this machine.

    Ray's own log lines go to Python's logging, which the commands send to a file.

    Args:
        address: Of a running cluster; None starts one here.
        num_cpus: That the new one may use; None is all.
        num_gpus: As above.
    """
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    for name in logging.root.manager.loggerDict:
        if name == "ray" or name.startswith("ray."):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], True
    logging.getLogger("ray.tune.schedulers.pbt").setLevel(logging.WARNING)  # knows nothing of mutations; `Relay` does
    try:
        ray.init(
            address=address or "local",  # else Ray joins one that somebody has started on this machine
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            include_dashboard=None if address else False,
            log_to_driver=False,
            configure_logging=False,
        )
    except (ConnectionError, ValueError) as error:
        told = str(error).splitlines()[0]
        if address is None:
            raise TunerError(f"Ray does not start on this machine: {told}") from None
        raise InputError(f"--address {address}: there is no Ray cluster to connect to ({told})") from None


def node_shapes() -> list[dict[str, float]]:
    """The resources of each node that there is, and of each kind of node that Ray's autoscaler may add."""
    there = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return there + [kind.resources for kind in worker_types() if kind.max_workers]


def slots_to_come(resources: Resources) -> int | None:
    """Trials that run at a time once the autoscaler has added all nodes that it may; None if none are known.

    Args:
        resources: With every default filled in.
    """
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial or 0
    kinds = [(max(kind.max_workers, kind.usual), kind.resources) for kind in worker_types()]
    each = [(number, slots_of(shape, cpus, gpus)) for number, shape in kinds]
    return most_slots(each, most_workers()) or None


def check_resources(resources: Resources) -> Resources:
    """The resources with every default filled in.

    Raises:
        InputError: no node of the cluster can hold a single trial.
    """
    nodes, gpus = node_shapes(), resources.gpus_per_trial
    if gpus is None:
        gpus = GPUS_OF_A_TRIAL if any(node.get("GPU", 0) for node in nodes) else 0.0
    wanted = {"CPU": resources.cpus_per_trial, "GPU": gpus}
    if not any(wanted.values()):
        raise InputError("a trial needs some of a CPU or of a GPU, but --cpus-per-trial and --gpus-per-trial are 0")
    fits = any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes)
    if has_autoscaler() and not worker_types():  # one that keeps to itself what it may add
        if resources.gpus_per_trial is None and not gpus:
            raise InputError("no GPU is there yet, and what may come is not known: give --gpus-per-trial, 0 for none")
    elif not fits:
        most = ", ".join(f"{max(node.get(kind, 0) for node in nodes):g} {kind}" for kind in wanted)
        raise InputError(f"a trial asks for {wanted['CPU']:g} CPU and {gpus:g} GPU, but no node has more than {most}")
    return Resources(resources.cpus_per_trial, gpus, resources.max_concurrent)
