"""What an experiment came to, as the files that its folder shows."""

import json

from tuner.reporting.report import report
from tuner.reporting.tables import leaderboard
from tuner.results.experiment import LEADERBOARD, REPORT, VERDICT, Experiment
from tuner.results.facts import facts
from tuner.results.verdict import Verdict


def publish(experiment: Experiment, verdict: Verdict) -> None:
    """`leaderboard.csv`, `verdict.json` and `report.html` tell of the verdict."""
    folder, entries = experiment.folder, experiment.entries()
    folder.write(LEADERBOARD, leaderboard(verdict))
    folder.write(VERDICT, json.dumps(facts(verdict), indent=2) + "\n")
    folder.write(REPORT, report(verdict, entries, experiment.manifest(), experiment.origin().data))
