"""Which of several things are better than all others in some way."""

import math
from collections.abc import Sequence


def pareto(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """Whether no other point is as low in every coordinate and lower in one; a point with NaN never is.

    Args:
        points: Of one length, each coordinate better if lower.
    """
    return [
        not any(map(math.isnan, point)) and not any(_dominates(other, point) for other in points) for point in points
    ]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= its for mine, its in zip(one, other, strict=True))
