import pytest

from tuner.reporting.money import cost, dollars, hours
from tuner.results.spent import Spent, Use

USES = (Use("g5.xlarge spot", 11160, 1.72), Use("m7i.large on-demand", 4320, 0.12))


def test_what_was_spent_is_a_sentence_with_units() -> None:
    said = "about $1.84 (prices of 2026-06): 3.1 h of g5.xlarge spot, 72 min of m7i.large on-demand"
    assert cost(Spent(USES, "2026-06")) == said
    assert cost(Spent(USES)).startswith("about $1.84 (your own prices): ")


def test_no_price_is_made_up() -> None:
    strange = Use("p9 spot", 60, None)
    assert cost(Spent((strange,), "2026-06")) == "1 min of p9 spot, whose price is not known"
    assert cost(Spent((*USES, strange), "2026-06")).endswith(", 1 min of p9 spot, whose price is not known")


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "$0.00"), (0.001, "less than $0.01"), (0.005, "$0.01"), (6.4, "$6.40"), (1e4, "$10,000.00")],
)
def test_dollars_have_cents(amount: float, said: str) -> None:
    assert dollars(amount) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (5399, "90 min"), (5400, "1.5 h"), (7.2e6, "2,000.0 h")],
)
def test_time_has_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert hours(seconds) == said
