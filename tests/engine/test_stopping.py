import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.engine.stopping import Patience, hopeless_after, improve, is_hopeless

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


FLAT = (0.5,) * 6


@pytest.mark.parametrize(("gap", "hopeless"), [(0.031, True), (0.029, False), (-0.1, False)])
def test_a_flat_curve_is_given_up_three_standard_errors_above_the_best(gap: float, hopeless: bool) -> None:
    assert is_hopeless(FLAT, 0.01, 0.5 - gap, 100, 3) is hopeless


@pytest.mark.parametrize(("evaluations", "hopeless"), [(5, False), (6, True), (7, True)])
def test_no_curve_is_given_up_before_twice_the_evaluations_that_training_waits(
    evaluations: int, hopeless: bool
) -> None:
    assert is_hopeless((0.5,) * evaluations, 0.01, 0.1, 100, 3) is hopeless


@pytest.mark.parametrize(("left", "hopeless"), [(29, True), (31, False)])
def test_a_curve_that_may_fall_far_enough_is_kept(left: int, hopeless: bool) -> None:
    falling = [0.9, 0.8, 0.7, 0.52, 0.51, 0.5, 0.49]  # by 0.01 an evaluation at last
    assert is_hopeless([*falling, 0.48, 0.47], 0.01, 0.14, left, 3) is hopeless


def test_a_rise_is_no_fall_and_the_lowest_of_the_curve_counts() -> None:
    assert is_hopeless((0.5, 0.5, 0.5, 0.5, 0.6, 0.7), 0.01, 0.4, 100, 3)
    assert not is_hopeless((0.9, 0.42, 0.42, 0.6, 0.7, 0.8), 0.01, 0.4, 100, 3)


@pytest.mark.parametrize(
    ("curve", "rmse_se", "best"),
    [
        (FLAT, 0.01, math.inf),
        (FLAT, 0.01, math.nan),
        (FLAT, math.nan, 0.1),
        ((math.nan,) * 6, 0.01, 0.1),
        ((*FLAT, math.nan), math.nan, 0.1),
    ],
)
def test_where_a_number_is_missing_nothing_is_given_up(curve: tuple[float, ...], rmse_se: float, best: float) -> None:
    assert not is_hopeless(curve, rmse_se, best, 100, 3)


@given(
    st.lists(st.floats(0.1, 1), min_size=1, max_size=20),
    st.lists(st.floats(0.1, 1), min_size=1, max_size=20),
    st.integers(1, 4),
    st.integers(1, 20),
)
def test_who_is_hopeless_does_not_depend_on_how_far_the_control_was(
    curve: list[float], control: list[float], limit: int, seen: int
) -> None:
    errors = [0.01] * len(curve)
    early = hopeless_after(curve, errors, min(control[:seen]), 20, limit)
    final = hopeless_after(curve, errors, min(control), 20, limit)
    assert early is None or (final is not None and final <= early)
    if final is not None:
        assert final >= 2 * limit
        assert hopeless_after(curve[:final], errors[:final], min(control), 20, limit) == final
