"""The mutations file as a search space of Optuna's: which mutations follow one another, and their arguments."""

import json
from collections import Counter
from typing import Protocol

from tuner.mutation.mutation import Mutation, Value
from tuner.mutation.space import Grid, Range, Space

NONE = "none"


class Asker(Protocol):
    """A trial of Optuna's, or what Ray Tune puts around it."""

    def suggest_categorical(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number."""


def suggest_sequence(trial: Asker, space: Space, depth: int) -> tuple[Mutation, ...]:
    """1 to `depth` mutations: for each place a grid, or none after the first, and then that grid's arguments.

    A parameter's name begins with the place and the grid, so that each argument is compared with itself alone. What has
    one value only is no parameter: samplers that know numbers alone find a space without choices then.
    """
    grids, chosen = dict(zip(labels(space), space, strict=True)), list[Mutation]()
    for place in range(1, depth + 1):
        choices = (*([NONE] if chosen else []), *grids)
        label = trial.suggest_categorical(f"{place}", choices) if len(choices) > 1 else choices[0]
        if label == NONE:
            break
        grid = grids[label]
        arguments = ((name, _value(trial, f"{place}.{label}.{name}", values)) for name, values in grid.arguments)
        chosen.append(Mutation(grid.function, tuple(arguments), grid.where))
    return tuple(chosen)


def labels(space: Space) -> list[str]:
    """A name for each grid: its function's, with a number where there are several of one function."""
    total, seen = Counter(grid.function for grid in space), Counter[str]()
    return [_label(grid, total, seen) for grid in space]


def _label(grid: Grid, total: Counter[str], seen: Counter[str]) -> str:
    seen[grid.function] += 1
    return grid.function if total[grid.function] == 1 else f"{grid.function}#{seen[grid.function]}"


def _value(trial: Asker, name: str, choices: tuple[Value, ...] | Range) -> Value:
    if not isinstance(choices, Range):
        by_text = {json.dumps(value, default=str): value for value in choices}  # 3 and "3" and [3] are different
        return by_text[trial.suggest_categorical(name, tuple(by_text))] if len(by_text) > 1 else choices[0]
    if choices.min == choices.max:
        return choices.neat(choices.min)
    if choices.whole:
        low, high, step = int(choices.min), int(choices.max), int(choices.step or 1)
        return choices.neat(trial.suggest_int(name, low, high, step=step, log=choices.log))
    return choices.neat(trial.suggest_float(name, choices.min, choices.max, step=choices.step, log=choices.log))
