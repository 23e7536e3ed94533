"""The mutations file: which functions, with which arguments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.document import Document, brief, nearest, read_document
from tuner.errors import InputError, dotted
from tuner.errors import Path as KeyPath
from tuner.mutation.mutation import Value, find_function

DIGITS = 4
MOST_STEPS = 2**53
STEP_DIGITS = 12
"""Significant ones: 0.1 + 2 * 0.1 is 0.3 then, and no multiple of a step is moved."""


@dataclass(frozen=True)
class Range:
    """All values from `min` to `max`, both included, for the searches that sample.

    Attributes:
        min: The smallest value.
        max: The largest value.
        log: Equal ratios are equally likely, in place of equal differences.
        step: The distance between neighbouring values; None is any value between.
    """

    min: float
    max: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers: all that was written of it is."""
        return all(isinstance(bound, int) for bound in (self.min, self.max, self.step) if bound is not None)

    def neat(self, value: float) -> float:
        """The value as names and configs hold it: of 4 significant digits, unless it has a step, and in the range."""
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.{DIGITS if self.step is None else STEP_DIGITS}g}"), self.min), self.max)


@dataclass(frozen=True)
class Grid:
    """One element of a function's list: for each argument its values.

    Attributes:
        function: The mutation function.
        arguments: Names with their values, sorted by name.
        where: `file:line` of the element.
    """

    function: str
    arguments: tuple[tuple[str, tuple[Value, ...] | Range], ...]
    where: str


Space = tuple[Grid, ...]


def load_mutations(path: str | Path) -> Space:
    """The grids of a mutations file, in its order.

    Raises:
        InputError: with file, line, what was found and what is allowed.
    """
    document = read_document(path)
    if not isinstance(document.values, dict):
        raise InputError(f"{document.at(())}: a mutations file is a mapping of function to a list of grids")
    return tuple(grid for function in document.values for grid in _grids(document, function))


def _grids(document: Document, function: str) -> list[Grid]:
    where = document.at((function,))
    find_function(function, where)
    grids = document.values[function]
    if not isinstance(grids, list):
        raise InputError(
            f"{where}: {function} must be a list of grids, each a mapping of argument to values, but got {brief(grids)}"
        )
    return [_grid(document, function, index) for index in range(len(grids))]


def _grid(document: Document, function: str, index: int) -> Grid:
    path: KeyPath = (function, index)
    grid = document.values[function][index]
    if not isinstance(grid, dict):
        raise InputError(
            f"{document.at(path)}: {dotted(path)} must be a mapping of argument to values, but got {brief(grid)}"
        )
    arguments = [(name, _choices(document, (*path, name), grid[name])) for name in sorted(grid)]
    return Grid(function, tuple(arguments), document.at(path))


def _choices(document: Document, path: KeyPath, values: Any) -> tuple[Value, ...] | Range:
    if isinstance(values, dict):
        return _range(document, path, values)
    if not isinstance(values, list) or not values:
        raise InputError(
            f"{document.at(path)}: {dotted(path)} must be a list of values or a range, but got {brief(values)}"
        )
    return tuple(_value(document, path, value) for value in values)


def _value(document: Document, path: KeyPath, value: Any) -> Value:
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return tuple(value)
    if isinstance(value, list | dict):
        raise InputError(
            f"{document.at(path)}: {dotted(path)} must hold plain values or lists of them, but got {brief(value)}"
        )
    plain: Value = value
    return plain


def _range(document: Document, path: KeyPath, values: dict[str, Any]) -> Range:
    where = f"{document.at(path)}: {dotted(path)}"
    known = ["min", "max", "log", "step"]
    for name, value in values.items():
        if name not in known:
            raise InputError(f"{where}.{name} is not part of a range; {nearest(name, known)}")
        if isinstance(value, bool) is not (name == "log") or not isinstance(value, int | float):
            raise InputError(
                f"{where}.{name} must be {'true or false' if name == 'log' else 'a number'}, but got {brief(value)}"
            )
    if "min" not in values or "max" not in values:
        raise InputError(f"{where}: a range has a min and a max")
    found = Range(**values)
    if not -1e300 < found.min <= found.max < 1e300:
        raise InputError(f"{where}: min <= max must hold, but got {found.min} and {found.max}")
    if found.log and found.min <= 0:
        raise InputError(f"{where}: min > 0 must hold with log: true, but got {found.min}")
    if found.step is not None and not 0 < found.step < 1e300:
        raise InputError(f"{where}: step > 0 must hold, but got {found.step}")
    if found.log and found.step is not None:
        raise InputError(f"{where}: a range has log: true or a step, not both")
    step = found.step or (1 if found.whole and not found.log else None)
    if step is not None and not (found.max - found.min) / step < MOST_STEPS:
        raise InputError(
            f"{where}: a range has fewer than 2^53 steps, but got steps of {step:g} from {found.min:g} to {found.max:g}"
        )
    return found
