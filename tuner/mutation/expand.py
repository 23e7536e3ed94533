"""Base config x mutations file -> variants."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from tuner.config import Config
from tuner.errors import ConfigError, InputError
from tuner.mutation.mutation import Mutation, sequence_name
from tuner.mutation.space import Range, Space

MAX_VARIANTS = 10_000
MAX_SEQUENCES = 500_000
"""About a minute; most of so many lead to a config that another one leads to."""


@dataclass(frozen=True)
class Variant:
    """A config made from the base by a sequence of mutations; with none it is the base itself, the control."""

    name: str
    config: Config
    mutations: tuple[Mutation, ...] = ()


@dataclass(frozen=True)
class Expansion:
    """All variants, and what was left out.

    Attributes:
        variants: Each config once, the control first.
        repeated: Pairs of a sequence's name and the name of the variant that has the same config.
        impossible: Sentences, one for each sequence whose last mutation cannot follow the others.
    """

    variants: tuple[Variant, ...]
    repeated: tuple[tuple[str, str], ...]
    impossible: tuple[str, ...]


def expand(base: Config, mutations: Space, *, depth: int = 1) -> list[Variant]:
    """The control and every different config that at most `depth` mutations lead to.

    Raises:
        InputError: as `expansion`.
    """
    return list(expansion(base, mutations, depth=depth).variants)


def expansion(base: Config, mutations: Space, *, depth: int = 1) -> Expansion:
    """The variants, breadth first in the file's order, and what was left out.

    Two ways to the same config are one variant, named after the first. With `depth` above 1 a mutation may lean on an
    earlier one, so it is an error only if it can be applied nowhere.

    Raises:
        InputError: a mutation can be applied nowhere, an argument is a range, there are too many variants, or two of
            them have one name.
    """
    choices = tuple(enumerate(islice(grid_mutations(mutations), MAX_VARIANTS)))
    if len(choices) == MAX_VARIANTS:
        raise InputError(f"the mutations file makes {MAX_VARIANTS} mutations or more; use smaller grids")
    growth = _Growth(Variant(sequence_name(()), base))
    level = list(growth.variants.values())
    for _ in range(depth):
        if not level:
            break
        grown = (growth.grow(parent, number, mutation) for parent, (number, mutation) in product(level, choices))
        level = [variant for variant in grown if variant is not None]
    return growth.expansion()


class _Growth:
    """The variants so far by config, and what was left out; mutations are told apart by their number in the file."""

    def __init__(self, control: Variant) -> None:
        self.variants = {control.config: control}
        self._names = {control.name}
        self._repeated: list[tuple[str, str]] = []
        self._failures: dict[int, list[str]] = {}
        self._applied: set[int] = set()
        self._sequences = 0

    def grow(self, parent: Variant, number: int, mutation: Mutation) -> Variant | None:
        """The variant that the mutation makes of `parent`; None if it cannot, or if its config is there already."""
        self._sequences += 1
        if self._sequences > MAX_SEQUENCES:
            raise InputError(f"the mutations make more than {MAX_SEQUENCES} sequences; use a smaller --depth")
        sequence = (*parent.mutations, mutation)
        try:
            config = mutation.apply(parent.config)
        except ConfigError as error:
            failure = f"{mutation.where}: {sequence_name((mutation,))} cannot be applied to {parent.name}: {error}"
            self._failures.setdefault(number, []).append(failure)
            return None
        self._applied.add(number)
        name = sequence_name(sequence)
        if config in self.variants:
            self._repeated.append((name, self.variants[config].name))
            return None
        if name in self._names:  # `3` and `"3"` as arguments of a user's own function
            raise InputError(f"{mutation.where}: two different variants are named {name}; remove one of the two")
        if len(self.variants) == MAX_VARIANTS:
            raise InputError(f"the mutations make more than {MAX_VARIANTS} variants; use a smaller --depth")
        self._names.add(name)
        self.variants[config] = Variant(name, config, sequence)
        return self.variants[config]

    def expansion(self) -> Expansion:
        """What was found, unless a mutation could be applied nowhere."""
        for number, reasons in self._failures.items():
            if number not in self._applied:
                raise InputError(reasons[0])
        impossible = (reason for reasons in self._failures.values() for reason in reasons)
        return Expansion(tuple(self.variants.values()), tuple(self._repeated), tuple(impossible))


def grid_mutations(space: Space) -> Iterator[Mutation]:
    """Every combination of every grid, arguments sorted by name, the last one varying fastest.

    Raises:
        InputError: an argument is a range.
    """
    for grid in space:
        names = [name for name, _ in grid.arguments]
        values = []
        for name, choices in grid.arguments:
            if isinstance(choices, Range):
                raise InputError(
                    f"{grid.where}: {grid.function}: {name} is a range, and a grid search needs a list of values"
                )
            values.append(choices)
        for combination in product(*values):
            yield Mutation(grid.function, tuple(zip(names, combination, strict=True)), grid.where)
