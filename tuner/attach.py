"""An experiment's job on a cluster, followed from here."""

import argparse
import sys

from tuner.cluster.options import add_cluster
from tuner.command import add_names, execute, make_parser


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.cluster.connection import connected
    from tuner.cluster.following import check_end

    with connected(options.cluster, options.address) as cluster:
        job = cluster.jobs.last_of(f"{options.group}/{options.name}")
        ended = cluster.follow(job)
    check_end(ended)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "attach",
        "Shows what an experiment's job on a cluster has printed, and prints. Ctrl-C ends only the showing.",
        "python -m tuner.attach -g demo -n first",
    )
    add_names(made)
    add_cluster(made)
    return made


if __name__ == "__main__":
    sys.exit(execute("attach", main, sys.argv[1:]))
