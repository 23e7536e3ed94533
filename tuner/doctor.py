"""What stands in the way of a cluster, said before it costs money."""

import argparse
import sys

from tuner.command import execute, make_parser, one_line, say
from tuner.errors import InputError


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.cluster.examine import examine
    from tuner.cluster.file import read_cluster

    problems = []
    for finding in examine(read_cluster(options.cluster)):
        say(one_line(f"{finding.kind:<8} {finding.text}"))
        problems += [finding.text] if finding.kind == "problem" else []
    if problems:
        raise InputError(problems[0])
    say(f"nothing stands in the way of: ray up {options.cluster}")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "doctor",
        "Says everything that a cluster would fail of, and its cure; starts nothing, and costs nothing.",
        "python -m tuner.doctor --cluster cluster.yaml",
    )
    made.add_argument("--cluster", default="cluster.yaml", help="the file that `ray up` would be given")
    return made


if __name__ == "__main__":
    sys.exit(execute("doctor", main, sys.argv[1:]))
