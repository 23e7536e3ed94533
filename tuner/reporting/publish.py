"""What an experiment came to, as the files that its folder shows."""

import json

from tuner.reporting.report import report
from tuner.reporting.tables import leaderboard
from tuner.results.experiment import Experiment
from tuner.results.facts import bundle_state, evolved, facts
from tuner.results.files import LEADERBOARD, REPORT, VERDICT
from tuner.results.spent import read_spent
from tuner.results.verdict import Verdict


def publish(experiment: Experiment, verdict: Verdict) -> None:
    """`leaderboard.csv`, `verdict.json` and `report.html` tell of the verdict."""
    bundle = bundle_state(experiment.folder, verdict)
    data, spent, early = experiment.origin().data, read_spent(experiment.folder), experiment.time_was_up
    texts = {
        LEADERBOARD: leaderboard(verdict),
        VERDICT: json.dumps({**facts(verdict), **evolved(verdict.evolution)}, indent=2) + "\n",
        REPORT: report(verdict, experiment.entries(), experiment.manifest(), data, bundle, spent, early),
    }
    for name, text in texts.items():  # once all of them could be made
        experiment.folder.write(name, text)
