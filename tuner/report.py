"""The report and the leaderboard again, from the records alone."""

import argparse
import sys

from tuner.command import add_experiment, execute, make_parser
from tuner.results.policy import ENSEMBLES, RULES, Policy


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.results.experiment import Experiment

    experiment = Experiment.at(options.storage, options.group, options.name)
    manifest = experiment.manifest()
    policy = Policy.of(vars(options), recorded=manifest.get("options"))
    from tuner.stages.conclude import tell, verdict_of

    tell(experiment, verdict_of(experiment, policy))


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "report",
        "Writes an experiment's report.html, verdict.json and leaderboard.csv again; nothing is trained.",
        "python -m tuner.report -g demo -n first",
    )
    add_experiment(made)
    made.add_argument("--rule", choices=RULES, help="how the winner is chosen; as in the run, if not given")
    made.add_argument("--ensemble", choices=ENSEMBLES, help="whose networks a bundle would hold; as in the run")
    return made


if __name__ == "__main__":
    sys.exit(execute("report", main, sys.argv[1:]))
