"""The finals as a race: repeats are added for all in rounds, and who is clearly worse leaves.

In the manner of irace (Lopez-Ibanez et al. 2016, section 3), with paired tests of means in place of its tests of ranks.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tuner.results.verdict import SIGNIFICANT
from tuner.selection.scores import Scores, difference


@dataclass(frozen=True)
class Race:
    """How far the race has come.

    Attributes:
        rounds: That were looked at.
        dropped: Variant to the round after which it left.
        alive: Those that are left, in the order of entry.
    """

    rounds: int
    dropped: dict[str, int]
    alive: tuple[str, ...]

    @property
    def decided(self) -> bool:
        """Whether a single one is left."""
        return len(self.alive) == 1

    def running(self, control: str) -> tuple[str, ...]:
        """Those that take part in the next round: the control always does, since all are compared with it."""
        return tuple(dict.fromkeys([control, *self.alive]))


def race(scores: Mapping[str, Sequence[Scores]], looks: int, failed: Collection[str] = ()) -> Race:
    """The race so far.

    After each round everyone is compared with the one of the lowest RMSE so far. Who is worse with a one-sided p-value
    below 0.05 leaves; the p-value is multiplied by the number of ordered pairs, since the lowest could have been
    anyone, and by the number of looks (Bonferroni), so that at most one race in twenty drops somebody who is as good as
    the best.

    Args:
        scores: Of all who entered, after each round that they have run: as that round saw them, so that a look comes
            out the same whenever it is repeated.
        looks: How many rounds there can be.
        failed: Who failed in the round after those; it leaves, too.
    """
    alive, dropped = list(scores), dict[str, int]()
    rounds = 0
    while len(alive) > 1:
        gone = [name for name in alive if name in failed and len(scores[name]) == rounds]
        dropped.update(dict.fromkeys(gone, rounds))
        alive = [name for name in alive if name not in gone]
        if len(alive) < 2 or any(len(scores[name]) == rounds for name in alive):
            break
        seen = {name: scores[name][rounds] for name in alive}
        rounds += 1
        best = min(alive, key=lambda name: (seen[name].rmse, name))
        correction = len(alive) * (len(alive) - 1) * looks
        worse = [name for name in alive if name != best and _is_worse(seen[name], seen[best], correction)]
        dropped.update(dict.fromkeys(worse, rounds))
        alive = [name for name in alive if name not in worse]
    return Race(rounds, dropped, tuple(alive))


def _is_worse(one: Scores, best: Scores, correction: int) -> bool:
    return difference(one, best).p_above * correction < SIGNIFICANT
