"""Base config x mutations file -> variants drawn at random."""

import math

import numpy as np

from tuner.config import Config
from tuner.errors import ConfigError, InputError
from tuner.mutation.expand import Expansion, Variant
from tuner.mutation.mutation import Mutation, Value, sequence_name
from tuner.mutation.space import Grid, Range, Space

Sequence = tuple[tuple[int, Mutation], ...]
"""Mutations with the numbers of their grids in the file."""

MAX_DEPTH = 100
DRAWS = 200
DRAWS_A_VARIANT = 50
"""A space is taken for exhausted after so many draws, most of them repeats by then."""


def sampled(base: Config, mutations: Space, rng: np.random.Generator, *, samples: int, depth: int = 1) -> Expansion:
    """The control and `samples` other configs, or fewer if there are no more, in the order in which they were drawn.

    A sequence has 1 to `depth` mutations, all lengths equally likely, as are all grids; see `draw_value` for their
    arguments. What repeats a config, or cannot be applied, is drawn again.

    Raises:
        InputError: a mutation can be applied nowhere, two variants have one name, or `depth` is beyond any use.
    """
    if depth > MAX_DEPTH:
        raise InputError(f"--depth must be at most {MAX_DEPTH} for a search that draws sequences, but got {depth}")
    found = _Draws(base)
    for _ in range(DRAWS + DRAWS_A_VARIANT * samples if mutations else 0):
        if len(found.variants) > samples:
            break
        found.add(_draw(mutations, depth, rng))
    for number in found.doubtful():
        for _ in range(DRAWS):
            before = _draw(mutations, depth, rng)[: int(rng.integers(depth))]
            found.attempt((*before, (number, draw_mutation(mutations[number], rng))))
            if number not in found.doubtful():
                break
    return found.expansion()


def _draw(mutations: Space, depth: int, rng: np.random.Generator) -> Sequence:
    length = int(rng.integers(1, depth + 1))
    numbers = [int(rng.integers(len(mutations))) for _ in range(length)]
    return tuple((number, draw_mutation(mutations[number], rng)) for number in numbers)


def draw_mutation(grid: Grid, rng: np.random.Generator) -> Mutation:
    """A mutation of this grid, each argument drawn by itself."""
    arguments = tuple((name, draw_value(choices, rng)) for name, choices in grid.arguments)
    return Mutation(grid.function, arguments, grid.where)


def draw_value(choices: tuple[Value, ...] | Range, rng: np.random.Generator) -> Value:
    """One of the list, all equally likely; or a value of the range, uniform in itself or in its logarithm."""
    if not isinstance(choices, Range):
        return choices[int(rng.integers(len(choices)))]
    low, high = choices.min, choices.max
    if choices.step is not None or (choices.whole and not choices.log):
        step = choices.step or 1
        return choices.neat(low + step * int(rng.integers(math.floor((high - low) / step * (1 + 1e-12)) + 1)))
    margin = 0.5 if choices.whole else 0.0  # so that the first and the last whole number have a whole share
    if choices.log:
        value = math.exp(rng.uniform(math.log(low - margin), math.log(high + margin)))
        return choices.neat(min(max(round(value) if choices.whole else value, low), high))
    return choices.neat(low + (high - low) * rng.random())


class _Draws:
    """The variants so far by config, and what became of each grid, told apart by its number in the file."""

    def __init__(self, base: Config) -> None:
        self.base = base
        self.variants = {base: Variant(sequence_name(()), base)}
        self._names = {self.variants[base].name}
        self._applied: set[int] = set()
        self._failures: dict[int, str] = {}

    def add(self, drawn: Sequence) -> None:
        """The sequence's config is a variant, if it has one that is none yet."""
        sequence = tuple(mutation for _, mutation in drawn)
        config, name = self.attempt(drawn), sequence_name(sequence)
        if config is None or config in self.variants:
            return
        if name in self._names:  # `3` and `"3"` as arguments of a user's own function
            where = sequence[-1].where
            raise InputError(f"{where}: two different variants are named {name}; remove one of the two")
        self._names.add(name)
        self.variants[config] = Variant(name, config, sequence)

    def attempt(self, drawn: Sequence) -> Config | None:
        """What the sequence makes of the base; None if one of its mutations cannot be applied."""
        config, parents = self.base, tuple[Mutation, ...]()
        for number, mutation in drawn:
            try:
                config = mutation.apply(config)
            except ConfigError as error:
                where = f"{mutation.where}: {sequence_name((mutation,))} cannot be applied to {sequence_name(parents)}"
                self._failures.setdefault(number, f"{where}: {error}")
                return None
            self._applied.add(number)
            parents = (*parents, mutation)
        return config

    def doubtful(self) -> list[int]:
        """The grids of which no mutation could be applied so far."""
        return [number for number in self._failures if number not in self._applied]

    def expansion(self) -> Expansion:
        """What was found, unless a grid's mutations could be applied nowhere."""
        for number in self.doubtful():
            raise InputError(self._failures[number])
        return Expansion(tuple(self.variants.values()), (), ())
