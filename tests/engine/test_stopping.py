import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.engine.stopping import Patience, improve

rmses = st.lists(st.one_of(st.floats(0.0, 2.0), st.just(math.nan)), max_size=30)


@given(rmses)
def test_best_is_the_lowest_value_of_the_curve(curve: list[float]) -> None:
    state = Patience(limit=3)
    for rmse in curve:
        state = improve(state, rmse)
    assert state.best == min((rmse for rmse in curve if not math.isnan(rmse)), default=math.inf)


@given(rmses, st.integers(1, 5))
def test_exhausted_after_exactly_limit_evaluations_without_improvement(curve: list[float], limit: int) -> None:
    state, since_best, best = Patience(limit), 0, math.inf
    for rmse in curve:
        state = improve(state, rmse)
        since_best, best = (0, rmse) if rmse < best else (since_best + 1, best)
        assert state.exhausted == (since_best >= limit)


@pytest.mark.parametrize("rmse", [0.5, math.nan, math.inf])
def test_an_equal_or_missing_value_is_no_improvement(rmse: float) -> None:
    assert improve(Patience(limit=2, best=0.5), rmse) == Patience(limit=2, best=0.5, waited=1)
