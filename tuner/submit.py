"""A run on a cluster, followed from here."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import argparse
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tuner.cluster.options import add_cluster, spelt
from tuner.command import add_experiment, execute, make_parser, say
from tuner.errors import InputError, TunerError
from tuner.stages.options import add_run
from tuner.stages.request import announced, checked_design, make_manifest

PLACES = ("config", "mutations", "data", "storage")

if TYPE_CHECKING:
    from tuner.cluster.file import ClusterFile
    from tuner.stages.design import Design


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    asked = _others(arguments)
    from tuner.cluster.file import read_cluster

    cluster = read_cluster(options.cluster) if options.address is None or options.storage is None else None
    options.storage = options.storage or (cluster.storage if cluster else "")
    if "://" not in options.storage and not (Path(options.storage).is_absolute() and Path(options.storage).is_dir()):
        raise InputError(
            "--storage must be a place that the cluster reaches, such as s3://bucket/path, or a folder that this "
            f"machine shares with it, but got {options.storage}"
        )
    if cluster is not None and options.address is None:
        check_room(cluster, options.cpus_per_trial, options.gpus_per_trial or 0.0)
    design = checked_design(options)
    announced(options, make_manifest(options, ["tuner", "run", *asked], design), design)
    submit(options, design, arguments, asked)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "submit",
        "Sends an experiment to a cluster as a job, with this checkout's code, and shows what it prints. Ctrl-C ends "
        "only the showing.",
        "python -m tuner.submit -g demo -n first --data path/to/your/data",
    )
    add_experiment(made, storage=None)
    add_run(made)
    add_own(made)
    return made


def check_room(cluster: "ClusterFile", cpus: float, gpus: float) -> None:
    """Nothing happens if a node of the cluster can hold a trial, or if it is not known what they are.

    Raises:
        InputError: none can.
    """
    from tuner.raytune.slots import slots_of

    shapes = [kind.resources for kind in cluster.node_types]
    if shapes and (cpus or gpus) and not any(slots_of(shape, cpus, gpus) for shape in shapes):
        most = ", ".join(f"{max(shape.get(kind, 0) for shape in shapes):g} {kind}" for kind in ("CPU", "GPU"))
        raise InputError(
            f"a trial asks for {cpus:g} CPU and {gpus:g} GPU, but no node of {cluster.path} has more than {most}"
        )


def _others(arguments: list[str]) -> list[str]:
    """The options that the job has from the user, but for those that name places."""
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_own(ours)
    for name in PLACES:
        ours.add_argument(f"--{name}")
    return ours.parse_known_args(arguments)[1]


def add_own(made: argparse.ArgumentParser) -> None:
    """The options that are not the run's."""
    add_cluster(made)
    made.add_argument("--detach", action="store_true", help="do not wait for the job's output")


def submit(options: argparse.Namespace, design: "Design", arguments: list[str], asked: list[str]) -> None:
    """The job runs on the cluster, and what it needs is there.

    Args:
        options: The command's.
        design: What it is about, checked.
        arguments: The same as they were typed.
        asked: The options that are the run's.

    Raises:
        InputError: the cluster or the storage cannot be reached, or the job finds its input wrong.
        TunerError: the job failed.
    """
    from tuner.cluster.connection import connected
    from tuner.cluster.data import sent
    from tuner.cluster.following import check_end
    from tuner.cluster.shipment import packed
    from tuner.folder import Folder

    experiment = f"{options.group}/{options.name}"
    typed = shlex.join(["tuner", "submit", *arguments])
    with connected(options.cluster, options.address) as cluster, TemporaryDirectory() as place:
        try:
            data, size = sent(design.dataset, Folder.at(options.storage))
        except TunerError as error:
            raise InputError(f"{error}; tuner doctor looks at the storage") from None
        say(f"data: {data}" + (f", {size / 1e6:.1f} MB sent" if size else ""))
        functions = {grid.function for grid in design.space if "." in grid.function}
        shipment = packed(Path(place), options.config, options.mutations, functions)
        places = (shipment.config, shipment.mutations, data, options.storage)
        told = [part for name, value in zip(PLACES, places, strict=True) for part in (f"--{name}", value)]
        command = shlex.join(["python", "-m", "tuner.run", *asked, *told, "--address", "auto"])
        begun = cluster.jobs.submit(experiment, command, shipment.folder, typed)
        others = sorted({one.experiment for one in cluster.jobs.all() if one.runs} - {experiment})
        if others:
            say(f"{', '.join(others)} runs there, too: each is told the costs of both, and nodes are shared")
        say(f"{begun.name} runs on the cluster; follow it with: tuner attach {spelt(options)}")
        if options.detach:
            return
        ended = cluster.follow(begun)
    check_end(ended)


if __name__ == "__main__":
    sys.exit(execute("submit", main, sys.argv[1:]))
