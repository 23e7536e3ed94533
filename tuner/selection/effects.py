"""What each mutation did to the config that it was applied to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuner.results.entry import Entry
from tuner.results.estimate import Estimate, holm
from tuner.results.standing import Effect, Stage
from tuner.selection.scores import Scores, difference

ByVariant = Mapping[str, Scores]
"""Variant to scores, of those that a stage measured."""


@dataclass(frozen=True)
class _Pair:
    mutation: str
    variant: str
    parent: str
    stage: Stage
    one: Scores
    other: Scores


def effects_of(entries: Sequence[Entry], finals: ByVariant, search: ByVariant) -> tuple[Effect, ...]:
    """The effect of every variant's last mutation, in the order of the variants.

    Measured in the finals where both the variant and the config it was made from were there, else in the search.
    """
    pairs = [pair for entry in entries if entry.mutations and (pair := _pair(entry, entries, finals, search))]
    gaps = [difference(pair.one, pair.other) for pair in pairs]
    corrected = holm(tuple(gap.p for gap in gaps))
    neurons = [_per_neuron(pair) for pair in pairs]
    neuron_p = iter(holm(tuple(gap.p for row in neurons for gap in row)))
    return tuple(
        Effect(pair.mutation, pair.variant, pair.parent, pair.stage, gap, p, row, tuple(next(neuron_p) for _ in row))
        for pair, gap, p, row in zip(pairs, gaps, corrected, neurons, strict=True)
    )


def _pair(entry: Entry, entries: Sequence[Entry], finals: ByVariant, search: ByVariant) -> _Pair | None:
    parent = next((one.name for one in entries if one.mutations == entry.mutations[:-1]), None)
    stages: tuple[tuple[Stage, ByVariant], ...] = (("finals", finals), ("search", search))
    for stage, measured in stages:
        if parent is not None and entry.name in measured and parent in measured:
            return _Pair(entry.mutations[-1], entry.name, parent, stage, measured[entry.name], measured[parent])
    return None


def _per_neuron(pair: _Pair) -> tuple[Estimate, ...]:
    count = pair.one.responses.shape[1]
    return tuple(difference(pair.one.of_neuron(index), pair.other.of_neuron(index)) for index in range(count))
