"""A search by Optuna's suggestions, on the session's own Ray."""

from pathlib import Path

import pytest

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.mutation.space import load_mutations
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.search.method import Method
from tuner.raytune.search.suggestions import Suggestions
from tuner.raytune.stopper import Limits, StopEarly
from tuner.raytune.trials import Conditions, Trials
from tuner.results.ending_marks import EndingMarks
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.files import TIME_UP
from tuner.results.origin import origin_of
from tuner.results.record import Measurement

pytestmark = pytest.mark.usefixtures("ray_session")
SAMPLES = 3


class Impatient:
    """A listener that lets time be up as soon as anything was measured."""

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        StopEarly.current().limits = Limits(seconds=0)

    def ended(self, variant: str, error: str) -> None:
        pass


def test_a_search_that_was_out_of_time_suggests_the_rest_when_there_is_time_again(
    config: Config, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text("change_training:\n  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}\n")
    space = load_mutations(tmp_path / "m.yaml")
    experiment = Experiment.at(str(tmp_path), "group", "name")
    control = Entry("base", config, ())
    experiment.begin({"variants": {"base": []}}, (control,), origin_of(dataset, 1))
    suggestions = Suggestions(config, space, 1, SAMPLES, "tpe", ("rmse_best",), dataset, 1)
    method, conditions = Method(suggestions=suggestions), Conditions(dataset, check_resources(Resources()))

    def run(limits: Limits, *listeners: Impatient) -> None:
        entries = experiment.entries()
        trials = Trials(experiment, entries, dict.fromkeys((entry.name for entry in entries), 1), limits, method)
        run_trials(trials, conditions, (EndingMarks(experiment), *listeners))

    run(Limits(seconds=600), Impatient())
    assert experiment.time_was_up == "time was up"
    assert len(experiment.entries()) <= SAMPLES
    assert method.unfinished
    experiment.folder.remove(TIME_UP)
    run(Limits())
    assert not method.unfinished
    records = experiment.records()
    assert len(records) == SAMPLES + 1
    assert all(record.ended for record in records)
    assert sum(record.status == "finished" for record in records) >= SAMPLES - 1
