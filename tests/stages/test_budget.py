import math

import pytest

from tuner.results.spent import NOTHING, Machine
from tuner.stages import budget
from tuner.stages.budget import SEARCH_SHARE, Budget, Purse
from tuner.stages.meter import Meter


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


def purse(dollars: float, spent: float, rate_an_hour: float = 3.6) -> Purse:
    """So much was spent, and one machine runs."""
    machine = Machine("g5.xlarge spot", rate_an_hour)
    meter = Meter({"spot": machine}, NOTHING.after([Machine("m7i.large on-demand", spent)], 3600))
    meter.look(["spot"])
    return Purse(dollars, meter)


def test_without_a_purse_money_never_ends() -> None:
    made = Budget(None)
    assert not made.search_is_over()
    assert not made.money_is_over(1e9)
    assert not made.is_limited


@pytest.mark.parametrize(("spent", "over"), [(4.4, False), (4.6, True)])
def test_the_search_gets_its_share_of_the_money(spent: float, over: bool) -> None:
    made = Budget(None, purse=purse(10, spent))
    assert made.is_limited
    assert made.search_is_over() == over


@pytest.mark.parametrize(("spent", "over"), [(9.8, False), (9.95, True)])
def test_what_the_promotion_costs_with_the_nodes_of_now_is_kept(spent: float, over: bool) -> None:
    assert Budget(None, purse=purse(10, spent)).money_is_over(100) == over  # 100 s at 0.1 cents a second


def test_an_end_has_its_own_words() -> None:
    money = purse(1, 0)
    assert (Budget(1).word, Budget(1).ended) == ("time", "time was up")
    assert (Budget(None, purse=money).word, Budget(None, purse=money).ended) == ("money", "the money was spent")
    assert Budget(1, purse=money).word == "time or money"
    assert Budget(1, purse=money).ended == "time was up or the money was spent"
