import math

import pytest

from tuner.stages import budget
from tuner.stages.budget import SEARCH_SHARE, Budget


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 500.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(budget, "time", made)
    return made


def test_without_a_budget_nothing_ends(clock: Clock) -> None:
    made = Budget(None, clock.now)
    clock.now += 1e9
    assert (made.left, made.for_search(), made.for_finals(1e9)) == (math.inf, None, None)


def test_the_time_runs_from_the_start_of_the_run(clock: Clock) -> None:
    made = Budget(1000, clock.now)
    assert made.left == 1000
    clock.now += 990
    assert made.left == 10
    clock.now += 20
    assert made.left == -10


def test_the_search_gets_its_share_less_what_went_before_it(clock: Clock) -> None:
    made = Budget(1000, clock.now)
    clock.now += 50
    assert made.for_search() == pytest.approx(1000 * SEARCH_SHARE - 50)
    clock.now += 1000 * SEARCH_SHARE
    assert made.for_search() == 0


def test_the_finals_get_all_that_the_promotion_and_the_export_leave(clock: Clock) -> None:
    made = Budget(1000, clock.now)
    clock.now += 300
    assert made.for_finals(promotion_s=100) == pytest.approx(600)
    assert made.for_finals(promotion_s=700) == 0
    clock.now += 5000
    assert made.for_finals(promotion_s=0) == 0
