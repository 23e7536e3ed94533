"""The end of an experiment's job on a cluster."""

import argparse
import sys

from tuner.cluster.options import add_cluster
from tuner.command import add_names, execute, make_parser, say


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.cluster.connection import connected
    from tuner.cluster.following import check_end, was_stopped

    with connected(options.cluster, options.address) as cluster:
        job = cluster.jobs.last_of(f"{options.group}/{options.name}")
        if not job.runs:
            say(f"{job.name} has ended already: {job.status.lower()}")
            return
        cluster.jobs.stop(job.name)
        say(f"{job.name} was told to end in order")
        ended = cluster.wait_for(job)
    if was_stopped(ended):
        say(f"{ended.name} has ended; go on with: {ended.resumed}")
        return
    check_end(ended)
    say(f"{ended.name} has done its work meanwhile")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "stop",
        "Ends an experiment's job on a cluster in order, as Ctrl-C does here; tuner submit --resume goes on with it.",
        "python -m tuner.stop -g demo -n first",
    )
    add_names(made)
    add_cluster(made)
    return made


if __name__ == "__main__":
    sys.exit(execute("stop", main, sys.argv[1:]))
