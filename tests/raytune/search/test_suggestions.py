"""Optuna's suggestions as Ray's searcher hands them out; nothing is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from ray import cloudpickle
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.mutation.space import load_mutations
from tuner.raytune.search.study_search import StudySearch
from tuner.raytune.search.suggestions import Suggestions
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of

RATES = "change_training:\n  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}\n"
FEW = "add_dense_layer:\n  - num_units: [2, 4, 4]\ndelete_conv_layer:\n  - layer_id: [7, 1]\n"
Begin = Callable[..., StudySearch]


@pytest.fixture
def experiment(config: Config, dataset: Dataset, tmp_path: Path) -> Experiment:
    made = Experiment.at(str(tmp_path / "results"), "group", "name")
    made.begin({"variants": {"base": []}}, (Entry("base", config, ()),), origin_of(dataset, 1))
    return made


@pytest.fixture
def begin(config: Config, dataset: Dataset, experiment: Experiment, tmp_path: Path) -> Begin:
    def begin(text: str, samples: int, objectives: tuple[str, ...] = ("rmse_best",), depth: int = 1) -> StudySearch:
        (tmp_path / "m.yaml").write_text(text)
        space = load_mutations(tmp_path / "m.yaml")
        sampler: Any = "nsga2" if len(objectives) > 1 else "tpe"
        source = Suggestions(config, space, depth, samples, sampler, objectives, dataset, 1)
        return StudySearch(source, experiment, lambda entry: None).begin()

    return begin


def row(rmse: float, ending: str = "max_steps") -> dict[str, Any]:
    return {"rmse_best": rmse, "macs": 100 + rmse, "training_iteration": 1, "ending": ending}


def handed_out(search: StudySearch, count: int = 100) -> list[str]:
    names = list[str]()
    for number in range(count):
        suggestion = search.suggest(f"{len(names)}-{number}")
        if suggestion == Searcher.FINISHED:
            break
        names.append(suggestion["variant"]["name"])
        search.on_trial_complete(f"{len(names) - 1}-{number}", row(0.1 * (number + 1)))
    return names


def test_the_control_comes_first_and_then_as_many_others_as_were_asked_for(
    begin: Begin, experiment: Experiment
) -> None:
    search = begin(RATES, 5)
    names = handed_out(search)
    assert names[0] == "base"
    assert len(names) == len(set(names)) == 6
    assert [entry.name for entry in experiment.entries()] == names
    assert search.exhausted
    values = {trial.user_attrs["variant"]: trial.value for trial in search._ot_study.trials}
    assert values == {name: pytest.approx(0.1 * (number + 1)) for number, name in enumerate(names) if number}


def test_a_search_that_finds_nothing_new_ends_with_what_it_has(begin: Begin) -> None:
    names = handed_out(begin(FEW, 50))
    assert sorted(names) == [
        "add_dense_layer-num_units=2",
        "add_dense_layer-num_units=4",
        "base",
        "delete_conv_layer-layer_id=1",
    ]
    study = StudySearch.current()._ot_study
    assert StudySearch.current().exhausted
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.FAIL}
    assert begin(FEW, 50).exhausted


def test_what_was_suggested_before_a_crash_comes_again_and_nothing_else_twice(begin: Begin) -> None:
    search = begin(RATES, 4)
    first = [search.suggest(str(number))["variant"]["name"] for number in range(3)]
    search.on_trial_complete("1", row(0.3))
    again = begin(RATES, 4)
    known = Trial("trainable", trial_id="1", stub=True, config={"variant": {"name": first[1]}})
    again.adopt([known])
    names = [again.suggest(f"again-{number}") for number in range(5)]
    assert [one["variant"]["name"] for one in names[:2]] == [first[0], first[2]]
    assert names[4] == Searcher.FINISHED
    assert len({one["variant"]["name"] for one in names[:4]} | set(first)) == 5
    again.on_trial_complete("again-1", row(0.2))
    done = [trial for trial in again._ot_study.trials if trial.state == TrialState.COMPLETE]
    assert [trial.user_attrs for trial in done] == [
        {"variant": first[1], "rmse": 0.3},
        {"variant": first[2], "rmse": 0.2},
    ]


@pytest.mark.parametrize(("result", "error"), [(None, True), (row(0.2, "diverged"), False), (row(float("nan")), False)])
def test_a_trial_that_came_to_nothing_has_failed(begin: Begin, result: dict[str, Any] | None, error: bool) -> None:
    search = begin(RATES, 2)
    search.suggest("control")
    search.suggest("one")
    search.on_trial_complete("control", None, error=True)
    search.on_trial_complete("one", result, error=error)
    assert [trial.state for trial in search._ot_study.trials] == [TrialState.FAIL]


def test_a_trial_that_was_ended_while_it_waited_has_its_last_value(begin: Begin) -> None:
    search = begin(RATES, 2)
    search.suggest("control")
    search.suggest("one")
    search.on_trial_result("one", row(0.4, ""))
    search.on_trial_complete("one")
    assert [(trial.value, trial.intermediate_values) for trial in search._ot_study.trials] == [(0.4, {1: 0.4})]


def test_two_objectives_are_both_told(begin: Begin) -> None:
    search = begin(RATES, 3, ("rmse_best", "macs"))
    handed_out(search)
    assert next(trial.values for trial in search._ot_study.trials) == pytest.approx([0.2, 100.2])
    assert search.metric == ["rmse_best", "macs"]


def test_rays_pickle_leads_to_the_searcher_of_the_process(begin: Begin) -> None:
    text = cloudpickle.dumps(begin(RATES, 2))
    search = begin(RATES, 2)
    assert cloudpickle.loads(text) is search
