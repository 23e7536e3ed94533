import math

import pytest

from benchmarks.curve import Event, Point, curve_of, improvements, seconds_to


def event(seconds: float, believed: float) -> Event:
    return Event(seconds, "a trial", int(seconds), believed)


def test_only_what_is_better_than_everything_before_is_the_best_so_far() -> None:
    events = [event(0, math.nan), event(1, 0.5), event(2, 0.5), event(3, math.nan), event(4, 0.4), event(5, 0.45)]
    assert improvements(events) == (events[1], events[4])
    assert curve_of(events, lambda found: (found.believed + 1, 2.0)) == (
        Point(1, 0.5, 1.5, 2.0),
        Point(4, 0.4, 1.4, 2.0),
    )


@pytest.mark.parametrize(
    ("private", "seconds"),
    [((0.5, 0.4, 0.3), 1), ((0.5, 0.6, 0.3), 2), ((0.3, 0.3, 0.3), 0), ((0.3, 0.3, 0.5), None), ((), None)],
)
def test_a_target_counts_as_reached_from_where_the_curve_stays_there(
    private: tuple[float, ...], seconds: float | None
) -> None:
    curve = [Point(index, 0.1, value, value) for index, value in enumerate(private)]
    assert seconds_to(curve, target=0.4) == seconds
