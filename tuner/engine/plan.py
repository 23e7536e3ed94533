"""How a pack is trained: a choice that changes its speed and not its results, rounding apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TypeVar

from tuner.dataset.splits import Split

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """How the replicates of a pack take their steps.

    Attributes:
        together: How many are stacked into one network with grouped convolutions; 1 trains one after the other.
        recorded: A stack's step is recorded as a CUDA graph, and replayed.
        streams: Each stack has a CUDA stream of its own, so that they overlap.
    """

    together: int = 1
    recorded: bool = False
    streams: bool = False


def stacks_of(splits: tuple[Split, ...], together: int) -> list[tuple[int, ...]]:
    """Positions in `splits` of each stack's replicates: at most `together`, equally many of each repeat in it."""
    order = sorted(range(len(splits)), key=lambda index: (splits[index].repeat, splits[index].fold))
    repeats = [tuple(members) for _, members in groupby(order, key=lambda index: splits[index].repeat)]
    folds = max(map(len, repeats))
    if together > folds and all(len(members) == folds for members in repeats):
        return [tuple(chain(*part)) for part in _parts(repeats, together // folds)]
    return [tuple(part) for members in repeats for part in _parts(members, together)]


def candidates(splits: tuple[Split, ...]) -> tuple[Plan, ...]:
    """Plans worth a trial on a GPU, the likeliest first."""
    sizes = sorted({len(splits), max(map(len, stacks_of(splits, len(splits)))), 1}, reverse=True)
    found = [Plan(size, recorded) for recorded in (True, False) for size in sizes]
    return (*found, *([Plan(1, streams=True)] if len(splits) > 1 else []))


def _parts(values: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
