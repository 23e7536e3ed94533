from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tuner.results.evidence import Evidence
from tuner.selection.measured import Measured

Make = Callable[..., Evidence]


def test_only_who_may_win_is_scored_but_all_have_their_curves(make_evidence: Make) -> None:
    evidence = make_evidence(
        {"base": 0.5, "a": 0.4, "b": 0.3, "c": 0.3, "d": 0.45},
        status={"a": "stopped", "b": "diverged", "c": "failed", "d": "unfinished"},
    )
    measured = Measured(evidence, 2)
    assert list(measured.search) == ["base", "a", "d"]
    assert list(measured.search_curves) == ["base", "a", "b", "c", "d"]
    assert measured.alive == ("base", "a", "d")


def test_a_trial_without_a_whole_evaluation_has_no_curve(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.4, "b": 0.4})
    evidence.search["a"].predictions[:, 0, 10] = np.nan
    found = replace(evidence, search={name: evidence.search[name] for name in ("base", "a")})
    assert list(Measured(found, 2).search_curves) == ["base"]
    assert Measured(found, 2).alive == ("base",)


def test_scores_are_of_the_best_step_which_is_not_the_last(make_evidence: Make) -> None:
    measured = Measured(make_evidence({"base": 0.5, "a": 0.4}), 2)
    assert measured.search["a"].rmse < 0.41
    assert measured.search_curves["a"].step == 6


def test_without_finals_the_race_has_not_begun(make_evidence: Make) -> None:
    measured = Measured(make_evidence({"base": 0.5, "a": 0.4}), 2)
    assert (measured.finals, measured.course.rounds, measured.course.dropped) == ({}, 0, {})


def test_after_finals_only_who_is_left_there_may_win(make_evidence: Make) -> None:
    evidence = make_evidence(
        {"base": 0.5, "a": 0.4, "b": 0.4, "c": 0.3},
        finals={"base": 0.5, "a": 0.4, "b": 0.4},
        rounds={"base": 2, "a": 2, "b": 2},
    )
    measured = Measured(evidence, 2)
    assert measured.course.dropped == {"base": 1}
    assert measured.alive == ("a", "b")
    assert measured.finals["a"].repeats == 2


def test_who_failed_in_a_round_of_the_finals_may_not_win(make_evidence: Make) -> None:
    evidence = make_evidence(
        {"base": 0.4, "a": 0.4, "b": 0.4},
        finals={"base": 0.4, "a": 0.4, "b": 0.4},
        rounds={"a": 1},
        failed={"a"},
    )
    assert Measured(evidence, 2).alive == ("base", "b")


def test_the_experiments_seed_decides_the_groups(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5})
    assert np.array_equal(Measured(evidence, 1).groups, Measured(evidence, 2).groups)
    assert not np.array_equal(Measured(evidence, 1).groups, Measured(replace(evidence, seed=1), 1).groups)
