"""What a search believes best so far, and how good that is on images that it never saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Believed(Protocol):
    """What a search goes by."""

    @property
    def believed(self) -> float:
        """An RMSE."""


Evaluation = TypeVar("Evaluation", bound=Believed)


@dataclass(frozen=True)
class Event:
    """One evaluation of one trial, as the process that runs the search saw it.

    Attributes:
        seconds: Since the search began.
        trial: Its name.
        evaluation: Counts the trial's evaluations from 0.
        believed: The RMSE that the search goes by.
    """

    seconds: float
    trial: str
    evaluation: int
    believed: float


@dataclass(frozen=True)
class Point:
    """From here on, until the next point, this is the best so far.

    Attributes:
        seconds: Since the search began.
        believed: The RMSE that the search goes by.
        private: RMSE on the private images, of the mean of its networks where there are several.
        private_single: The same of one of its networks alone: the root of their mean squared errors' mean.
    """

    seconds: float
    believed: float
    private: float
    private_single: float


Scores = tuple[float, float]
"""A point's `private` and `private_single`."""


def improvements(events: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The events that were better than every event before them. NaN is never better."""
    found: list[Evaluation] = []
    for event in events:
        if event.believed < (found[-1].believed if found else float("inf")):
            found.append(event)
    return tuple(found)


def curve_of(events: Sequence[Event], scores: Callable[[Event], Scores]) -> tuple[Point, ...]:
    """The best so far over time."""
    return tuple(Point(event.seconds, event.believed, *scores(event)) for event in improvements(events))


def seconds_to(curve: Sequence[Point], target: float) -> float | None:
    """When the private RMSE first was at most the target and stayed there; None if it ends above."""
    reached: float | None = None
    for point in curve:
        if point.private > target:
            reached = None
        elif reached is None:
            reached = point.seconds
    return reached
