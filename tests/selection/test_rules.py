from dataclasses import replace

import numpy as np
import pytest

from tuner.errors import TunerError
from tuner.selection.rules import Candidate, select
from tuner.selection.scores import Scores

L, N = 60, 3
RESPONSES = np.zeros((L, N), dtype=np.float32)
FOLDS = np.tile(np.arange(L) % 5, (2, 1))


def candidate(name: str, level: float, macs: int, wobble: float = 0.0, *, control: bool = False) -> Candidate:
    """Errors of one size, give or take a wobble that differs between images and between candidates."""
    rng = np.random.default_rng(len(name) * 1000 + macs)
    errors = level + wobble * rng.standard_normal((2, L, 1)).repeat(N, axis=2)
    return Candidate(name, macs, Scores(errors.astype(np.float32), RESPONSES, FOLDS), control)


def test_best_takes_the_lowest_rmse() -> None:
    choice = select([candidate("a", 0.5, 1), candidate("b", 0.4, 9)], "best", 2)
    assert (choice.winner, choice.reason) == ("b", "it has the lowest RMSE of 2 candidates")


def test_one_se_takes_the_simplest_within_one_standard_error_of_the_paired_difference() -> None:
    near, far = candidate("near", 0.405, 1, 0.05), candidate("far", 0.6, 0, 0.05)
    choice = select([candidate("best", 0.4, 9, 0.05), near, far], "one_se", 3)
    assert choice.winner == "near"
    assert choice.reason == "it is the simplest of the 2 within one standard error of the lowest RMSE, that of best"


def test_one_se_takes_the_best_if_no_simpler_one_is_near() -> None:
    choice = select([candidate("best", 0.4, 9, 0.01), candidate("far", 0.5, 1, 0.01)], "one_se", 2)
    assert choice.winner == "best"
    assert "no simpler one is within one standard error" in choice.reason


@pytest.mark.parametrize(("tried", "winner"), [(2, "better"), (10**9, "base")])
def test_significant_takes_the_control_unless_it_is_beaten_after_correction(tried: int, winner: str) -> None:
    base = candidate("base", 0.43, 1, 0.08, control=True)
    assert select([candidate("better", 0.38, 9, 0.08), base], "significant", tried).winner == winner


def test_without_a_candidate_there_is_no_winner() -> None:
    with pytest.raises(TunerError, match="no trial ended with a finite RMSE"):
        select([], "best", 0)


def test_a_control_that_the_race_dropped_is_compared_with_but_does_not_win() -> None:
    base = replace(candidate("base", 0.3, 1, 0.01, control=True), dropped=True)
    better = candidate("better", 0.38, 9, 0.01)
    assert select([better, base], "best", 2).winner == "better"
    assert select([better, base], "one_se", 2).winner == "better"
    worse = replace(base, scores=candidate("base", 0.6, 1, 0.01).scores)
    choice = select([better, worse], "significant", 2)
    assert (choice.winner, "beats the base config" in choice.reason) == ("better", True)
    with pytest.raises(TunerError, match="no trial ended with a finite RMSE"):
        select([base], "best", 1)
