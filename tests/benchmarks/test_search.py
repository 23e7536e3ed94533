import math

import pytest

from benchmarks.search import reached, told, true_at
from benchmarks.search_arms import Event

EVENTS = (Event(10, 0.5, 0.6), Event(20, 0.6, 0.1), Event(30, 0.4, 0.3), Event(40, 0.3, 0.35), Event(50, 0.2, 0.3))


@pytest.mark.parametrize(("spent", "true"), [(10, 0.6), (29, 0.6), (30, 0.3), (49, 0.35), (1000, 0.3)])
def test_what_is_best_is_what_the_search_believes(spent: float, true: float) -> None:
    assert true_at(EVENTS, spent) == true


def test_before_the_first_evaluation_nothing_is_best() -> None:
    assert math.isnan(true_at(EVENTS, 9))


@pytest.mark.parametrize(
    ("target", "budget", "expected"),
    [(0.6, 100, 10), (0.35, 100, 30), (0.3, 100, 50), (0.3, 39, 30), (0.2, 100, math.inf), (0.3, 45, math.inf)],
)
def test_a_target_is_reached_once_it_is_kept(target: float, budget: float, expected: float) -> None:
    assert reached(EVENTS, target, budget) == expected


def test_every_arm_is_held_against_the_grid_s_end_and_budget() -> None:
    grid = (Event(100, 0.5, 0.5), Event(200, 0.4, 0.4))
    other = (Event(50, 0.3, 0.4), Event(400, 0.2, 0.1))
    lines = told([{"grid + early stopping": grid, "pbt": other}]).splitlines()
    assert lines[-1].split(" | ")[-3:] == ["0.0 (0.0 to 0.0)", "0.25 (0.25 to 0.25)", "1.00 (1.00 to 1.00) |"]
