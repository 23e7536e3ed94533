"""Which layer of a child network goes on from which of its parent's."""

from collections.abc import Sequence

from tuner.config import ConvLayer, DenseLayer

Layers = Sequence[ConvLayer] | Sequence[DenseLayer]
Pair = tuple[int | None, int | None]

SHAPES = ("num_filters", "kernel_size", "padding", "pool_size", "batch_norm", "num_units")
"""Settings that decide the shape of a layer's weights, or what the layer computes with them."""
MISSING = 3.0
"""What a layer without a counterpart costs; two of them cost more than one whose shapes all differ."""


def align(parent: Layers, child: Layers) -> list[Pair]:
    """Pairs of positions from the first layer to the last; None stands for no layer: added, or deleted.

    The pairing of the lowest cost (Needleman and Wunsch 1970): a layer whose shapes differ costs as many as differ. Of
    equal ones, that with the added or deleted layer last.
    """
    costs = {(0, 0): (0.0, list[Pair]())}
    for i in range(len(parent) + 1):
        for j in range(len(child) + 1):
            ways = []
            if i and j:
                ways.append(_longer(costs[i - 1, j - 1], _difference(parent[i - 1], child[j - 1]), (i - 1, j - 1)))
            if i:
                ways.append(_longer(costs[i - 1, j], MISSING, (i - 1, None)))
            if j:
                ways.append(_longer(costs[i, j - 1], MISSING, (None, j - 1)))
            if ways:
                costs[i, j] = min(ways, key=lambda way: (way[0], _lateness(way[1])))
    return costs[len(parent), len(child)][1]


def same_shapes(parent: Layers, child: Layers) -> bool:
    """Whether all layers compute the same from the same weights."""
    return len(parent) == len(child) and not any(map(_difference, parent, child))


def _longer(way: tuple[float, list[Pair]], cost: float, pair: Pair) -> tuple[float, list[Pair]]:
    return way[0] + cost, [*way[1], pair]


def _lateness(pairs: list[Pair]) -> list[int]:
    return [-number for number, pair in enumerate(pairs) if None in pair]


def _difference(one: ConvLayer | DenseLayer, other: ConvLayer | DenseLayer) -> float:
    return float(sum(bool(getattr(one, name, None) != getattr(other, name, None)) for name in SHAPES))
