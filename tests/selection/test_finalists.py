from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.dataset.splits import make_splits
from tuner.engine.stopping import Patience, improve
from tuner.lineage import Phase
from tuner.results.entry import Entry
from tuner.results.record import Measurement, Status, TrialRecord
from tuner.selection.finalists import final_entry, finalists, steps_of
from tuner.selection.scores import Scores
from tuner.settings import replaced

Make = Callable[[np.ndarray], Scores]


def scores(make: Make, **levels: float) -> dict[str, Scores]:
    return {name: make(np.full((1, 20, 2), level)) for name, level in levels.items()}


def record(name: str, last: int, status: Status = "finished") -> TrialRecord:
    rows = tuple(Measurement(step, 0.5, 0, 0, (), (), (), (), 0) for step in range(2, last + 1, 2))
    return TrialRecord(name, (), status, rows, 10, 20)


def entered(config: Config, steps: int, labelled: int, seed: int) -> Config:
    return final_entry(Entry("a", config, ()), steps, labelled, seed).config


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "base"), (2, "base c"), (3, "base c a"), (4, "base c a b"), (9, "base c a b d")],
)
def test_the_control_and_the_best_come_into_the_finals(scores_of: Make, count: int, expected: str) -> None:
    search = scores(scores_of, d=0.6, b=0.4, a=0.4, base=0.9, c=0.3)
    assert finalists(search, "base", count) == tuple(expected.split())


def test_a_control_that_the_search_could_not_measure_is_a_finalist_still(scores_of: Make) -> None:
    assert finalists(scores(scores_of, a=0.5, b=0.4), "base", 2) == ("base", "b")
    assert finalists({}, "base", 8) == ("base",)


@pytest.mark.parametrize(
    ("population", "expected"), [(None, "base a b c"), (5, "base a b"), (3, "base a"), (9, "base a b c")]
)
def test_half_of_a_population_are_half_of_those_that_went_on(
    scores_of: Make, population: int | None, expected: str
) -> None:
    search = scores(scores_of, f=0.9, e=0.8, d=0.7, c=0.6, b=0.5, a=0.4, base=0.9)
    assert finalists(search, "base", "auto", population) == tuple(expected.split())


@pytest.mark.parametrize(
    ("folds", "labelled", "expected"), [(1, 100, 5), (3, 100, 5), (8, 100, 8), (8, 7, 7), (3, 4, 4)]
)
def test_a_round_is_one_repeat_of_at_least_five_folds(config: Config, folds: int, labelled: int, expected: int) -> None:
    data = {"folds": folds, "repeats": 3, "reshuffle": True, "eval_size": 2}
    found = entered(replaced(config, {"data": replaced(config.data, data)}), 40, labelled, 11)
    assert (found.data.folds, found.data.repeats, found.data.reshuffle) == (expected, 1, False)
    splits = make_splits(found.data, labelled)
    assert sorted(np.concatenate([split.held_out for split in splits])) == list(range(labelled))


def test_rounds_have_splits_of_their_own_and_all_finalists_the_same(config: Config) -> None:
    other = replaced(config, {"data": replaced(config.data, {"random_seed": 99, "folds": 2})})
    first, again, second = (entered(one, 40, 30, seed) for one, seed in ((config, 1), (other, 1), (config, 2)))
    held_out = [[split.held_out.tolist() for split in make_splits(one.data, 30)] for one in (first, again, second)]
    assert held_out[0] == held_out[1] != held_out[2]


def test_a_schedule_keeps_its_phases_and_each_of_them_has_the_round_s_splits(config: Config) -> None:
    wider = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})
    lineage = (Phase(0, config, ("first",)), Phase(12, wider, ("second",), "member-1"))
    found = final_entry(Entry.of("a", lineage), 40, 30, 3)
    assert [(phase.step, phase.mutations, phase.donor) for phase in found.lineage] == [
        (0, ("first",), ""),
        (12, ("second",), "member-1"),
    ]
    assert [phase.config for phase in found.lineage] == [entered(one, 40, 30, 3) for one in (config, wider)]
    assert found.config == found.lineage[-1].config
    assert found.mutations == ("first", "second")


def test_a_finalist_is_trained_for_a_fixed_number_of_steps_and_else_as_before(config: Config) -> None:
    found = entered(config, 40, 30, 2**62)
    assert found.training.max_steps == 40
    patience = Patience(found.training.early_stopping_evals, best=0.1)
    for _ in range(1000):
        patience = improve(patience, 0.2)
    assert not patience.exhausted
    assert found.model == config.model
    kept = {"max_steps": config.training.max_steps, "early_stopping_evals": config.training.early_stopping_evals}
    assert replaced(found.training, kept) == config.training
    assert (found.data.distortions, found.data.eval_size) == (config.data.distortions, config.data.eval_size)


def test_a_finalist_is_trained_as_long_as_its_trial_was() -> None:
    own = record("a", 20)
    assert steps_of(own, (own, record("b", 40), record("c", 60))) == 20


@pytest.mark.parametrize(
    ("status", "last", "steps"), [("stopped", 10, 40), ("unfinished", 10, 40), ("stopped", 50, 50)]
)
def test_a_trial_cut_short_gets_the_median_of_those_that_ended(status: Status, last: int, steps: int) -> None:
    own = record("a", last, status)
    others = (record("b", 20), record("c", 60), record("d", 40), record("e", 90, "stopped"), record("f", 2, "failed"))
    assert steps_of(own, (own, *others)) == steps


def test_where_no_trial_ended_each_has_its_own_steps() -> None:
    own = record("a", 10, "unfinished")
    assert steps_of(own, (own, record("b", 90, "unfinished"))) == 10
    assert steps_of(replace(own, measurements=()), (own,)) == 0
