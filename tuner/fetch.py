"""An experiment on a storage, copied to this machine."""

import argparse
import sys

from tuner.command import add_experiment, execute, make_parser, say


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.cluster.file import read_cluster
    from tuner.results.copy import copied
    from tuner.results.experiment import Experiment
    from tuner.results.files import BUNDLE, REPORT

    storage = options.storage or read_cluster(options.cluster).storage
    source, target = (Experiment.at(place, options.group, options.name) for place in (storage, options.output))
    files, size = copied(source, target, checkpoints=options.checkpoints)
    say(f"{target.folder.uri}: {files} files, {size / 1e6:.1f} MB")
    found = [name for name in (REPORT, BUNDLE) if target.folder.exists(name)]
    say(*(f"  {target.folder.uri}/{name}" for name in found))
    if not found:
        say("there is no report yet: the experiment has not ended")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "fetch",
        "Copies an experiment's results and bundle from the cluster's storage to this machine; no cluster need run.",
        "python -m tuner.fetch -g demo -n first",
    )
    add_experiment(made, storage=None)
    made.add_argument("--cluster", default="cluster.yaml", metavar="FILE", help="tells the storage, if it is not told")
    made.add_argument("-o", "--output", default="ray_results", metavar="DIR", help="where experiments are kept here")
    made.add_argument("--checkpoints", action="store_true", help="copy the trials' checkpoints, too")
    return made


if __name__ == "__main__":
    sys.exit(execute("fetch", main, sys.argv[1:]))
