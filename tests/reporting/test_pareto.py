import math

from tuner.reporting.pareto import pareto


def test_the_front_is_what_no_other_is_as_low_as_in_everything_and_lower_in_something() -> None:
    points = [(1.0, 5.0), (2.0, 4.0), (2.0, 5.0), (3.0, 1.0), (3.0, 1.0), (math.nan, 0.0), (0.9, math.nan)]
    assert pareto(points) == [True, True, False, True, True, False, False]


def test_one_alone_is_a_front_and_none_is_none() -> None:
    assert pareto([(1.0, 2.0)]) == [True]
    assert pareto([]) == []
