import math

import pytest

from tuner.reporting.figures.words import limits, number, p_value, reach, shortened, signed
from tuner.results.estimate import Estimate


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.0342, "0.034"),
        (0.5, "0.50"),
        (1.0, "1"),
    ],
)
def test_p_values_have_two_digits_and_are_never_zero(p: float | None, text: str) -> None:
    assert p_value(p) == text


def test_numbers_have_a_minus_sign_and_a_dash_where_there_is_none() -> None:
    assert (number(-0.5, 1), signed(0.25, 2), signed(-0.25, 2)) == ("−0.5", "+0.25", "−0.25")
    assert signed(-0.001, 0) == "0"
    assert number(None) == number(math.nan) == signed(math.inf) == "–"


def test_a_long_name_keeps_both_ends() -> None:
    assert shortened("abcdefghij", 7) == "abc…hij"
    assert shortened("abcdefgh", 8) == "abcdefgh"
    assert shortened("a\nb", 8) == "a b"


def test_an_axis_holds_the_intervals_but_not_what_is_far_away() -> None:
    usual = [Estimate(value, 0.001, 9) for value in (-0.001, 0.0, 0.002)]
    low, high = limits([*usual, Estimate(5.0, 1.0, 2)], always=(0.0,))
    assert low < -0.001 - reach(usual[0])
    assert 0.002 + reach(usual[2]) < high < 0.1


@pytest.mark.parametrize("estimates", [[], [Estimate(math.nan, math.nan, 9)], [Estimate(0.3, 0.0, 9)] * 3])
def test_an_axis_has_a_length_whatever_it_shows(estimates: list[Estimate]) -> None:
    low, high = limits(estimates)
    assert low < high
