"""One setting as an axis: where each value lies, and which values are written beside it."""

import math
from dataclasses import dataclass

from tuner.reporting.figures.words import shortened

Value = bool | int | float | str
Ticks = tuple[tuple[float, str], ...]
NONE = "none"
FEW, LETTERS = 9, 13
ABOVE_NONE = 0.18
LOGARITHMIC = 50
"""Positive numbers that span more than this ratio are on a logarithmic axis."""


@dataclass(frozen=True)
class SettingAxis:
    """An axis from 0 to 1.

    Attributes:
        positions: Of every variant.
        ticks: Position and text.
        discrete: Whether many variants may lie at one position.
    """

    positions: tuple[float, ...]
    ticks: Ticks
    discrete: bool


def setting_axis(values: tuple[Value | None, ...]) -> SettingAxis:
    """The axis of a setting; None, for a variant that lacks it, lies below the others."""
    given = {value for value in values if value is not None}
    bottom = ABOVE_NONE if None in values else 0.0
    numbers = sorted(float(value) for value in given if not isinstance(value, str | bool))
    continuous = len(numbers) == len(given) > FEW
    found, marks = _continuous(numbers) if continuous else _steps(sorted(given, key=_order))
    places = tuple(0.0 if value is None else bottom + (1 - bottom) * found[value] for value in values)
    ticks = tuple((bottom + (1 - bottom) * at, text) for at, text in marks)
    return SettingAxis(places, (((0.0, NONE), *ticks) if None in values else ticks), not continuous)


def _steps(values: list[Value]) -> tuple[dict[Value, float], Ticks]:
    """Evenly spaced places; of many values, only some are written."""
    places = {value: index / (len(values) - 1) if len(values) > 1 else 0.5 for index, value in enumerate(values)}
    every = math.ceil(len(values) / FEW)
    return places, tuple((places[value], written(value)) for value in values[::every])


def _continuous(values: list[float]) -> tuple[dict[Value, float], Ticks]:
    """Places to scale."""
    low, high = values[0], values[-1]
    if low > 0 and high / low > LOGARITHMIC:
        places: dict[Value, float] = {value: math.log(value / low) / math.log(high / low) for value in values}
        middle = low * math.sqrt(high / low)
    else:
        places = {value: (value - low) / (high - low) for value in values}
        middle = (low + high) / 2
    return places, ((0.0, written(low)), (0.5, written(middle)), (1.0, written(high)))


def _order(value: Value) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def written(value: Value) -> str:
    """A value as its file has it, or nearly."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.3g}" if isinstance(value, float) else shortened(str(value), LETTERS)
