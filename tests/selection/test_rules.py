import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.errors import TunerError
from tuner.results.record import Measurement, Status, TrialRecord
from tuner.selection.rules import ranked, select


def record(name: str, *curve: float, status: Status = "finished") -> TrialRecord:
    measured = tuple(Measurement(step, rmse, 0.1, 0.2, (), (), (), (), 1.0) for step, rmse in enumerate(curve))
    return TrialRecord(name, (), status, measured, 10, 20)


def test_the_winner_has_the_lowest_best_and_not_the_lowest_last_value() -> None:
    choice = select([record("a", 0.5, 0.4), record("b", 0.3, 0.9), record("c", 0.35)])
    assert choice.record.variant == "b"
    assert choice.reason == "it has the lowest RMSE of 3 variants on their held-out images"


def test_diverged_failed_and_empty_trials_cannot_win_and_come_last() -> None:
    records = [
        record("diverged", 0.1, math.nan, status="diverged"),
        record("failed", 0.1, status="failed"),
        record("empty", status="unfinished"),
        record("fine", 0.9),
    ]
    assert select(records).record.variant == "fine"
    assert ranked(records)[0].variant == "fine"


def test_without_a_trial_that_can_win_there_is_no_winner() -> None:
    with pytest.raises(TunerError, match="no trial ended with a finite RMSE"):
        select([record("a", math.nan), record("b", 0.1, status="failed")])


@given(st.permutations([record("a", 0.3), record("b", 0.3), record("c", 0.2), record("d", math.nan)]))
def test_the_ranking_does_not_depend_on_the_order_of_trials(records: list[TrialRecord]) -> None:
    assert [found.variant for found in ranked(records)] == ["c", "a", "b", "d"]
