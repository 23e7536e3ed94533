"""Base config x mutations file -> variants."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from tuner.config import Config
from tuner.errors import ConfigError, InputError
from tuner.mutation.mutation import Mutation, sequence_name
from tuner.mutation.space import Range, Space

MAX_VARIANTS = 10_000


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
    found = {base: Variant(sequence_name(()), base)}
    repeated: list[tuple[str, str]] = []
    names = {found[base].name}
    failures: dict[int, list[str]] = {}
    applied: set[int] = set()
    level = [found[base]]
    for _ in range(depth):
        if not level:
            break
        level, parents = [], level
        for parent, (number, mutation) in product(parents, choices):
            sequence = (*parent.mutations, mutation)
            try:
                config = mutation.apply(parent.config)
            except ConfigError as error:
                failures.setdefault(number, []).append(
                    f"{mutation.where}: {mutation.name} cannot be applied to {parent.name}: {error}"
                )
                continue
            applied.add(number)
            name = sequence_name(sequence)
            if config in found:
                repeated.append((name, found[config].name))
                continue
            if name in names:  # `3` and `"3"` as arguments of a user's own function
                raise InputError(f"{mutation.where}: two different variants are named {name}; remove one of the two")
            names.add(name)
            found[config] = Variant(name, config, sequence)
            level.append(found[config])
            if len(found) > MAX_VARIANTS:
                raise InputError(
                    f"the mutations make more than {MAX_VARIANTS} variants at depth {depth}; use a smaller --depth"
                )
    for number, reasons in failures.items():
        if number not in applied:
            raise InputError(reasons[0])
    return Expansion(
        tuple(found.values()), tuple(repeated), tuple(reason for reasons in failures.values() for reason in reasons)
    )


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
