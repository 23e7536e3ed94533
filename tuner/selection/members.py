"""What goes into the bundle: networks of the winner, or of all finalists that are as good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.results.policy import Ensemble
from tuner.results.verdict import SIGNIFICANT
from tuner.selection.bootstrap import Mixture
from tuner.selection.claim import Contender
from tuner.selection.nested import nested_scores
from tuner.selection.scores import difference


@dataclass(frozen=True)
class Team:
    """Configs whose networks' mean is the model.

    Attributes:
        contenders: One, or several.
        networks: Of each.
        reason: Why these, a clause.
    """

    contenders: tuple[Contender, ...]
    networks: int
    reason: str


def choose_team(
    winner: Contender,
    contenders: Sequence[Contender],
    groups_L: npt.NDArray[np.int64],
    *,
    ensemble: Ensemble,
    seeds: int,
) -> Team:
    """The winner alone with `seeds` networks, or all that are not distinguishable from the best.

    Args:
        winner: Chosen by a rule.
        contenders: The finalists that are left, the winner among them.
        groups_L: Groups of images, for the choice of steps.
        ensemble: `auto` takes what the held-out predictions say is better.
        seeds: Networks of the winner; those of several configs are at least as many together, and two of each.
    """
    alone = Team((winner,), seeds, "networks of the winner alone")
    equals = _equals([one for one in contenders if _is_alike(one, winner)])
    if ensemble == "winner" or len(equals) < 2:
        return alone
    several = Team(
        equals, max(2, -(-seeds // len(equals))), f"the {len(equals)} finalists that are as good as the best"
    )
    if ensemble == "finals":
        return several
    if min(len(one.curve.out_of_fold.folds) for one in equals) < 2:
        return alone  # with one repeat nothing tells what a mean of networks is worth
    one, other = mixture_of(alone, groups_L).rmse, mixture_of(several, groups_L).rmse
    if other < one:
        reason = f"{several.reason}: together {other:.4f} by their held-out predictions, the winner alone {one:.4f}"
        return Team(several.contenders, several.networks, reason)
    reason = f"{alone.reason}: {one:.4f} by their held-out predictions, {several.reason} together {other:.4f}"
    return Team(alone.contenders, alone.networks, reason)


def mixture_of(team: Team, groups_L: npt.NDArray[np.int64]) -> Mixture:
    """The team's mean, each of its steps chosen without the images that it is scored on."""
    return Mixture([nested_scores(one.together, groups_L) for one in team.contenders], team.networks)


def _is_alike(one: Contender, winner: Contender) -> bool:
    """Whether a mean of both can be exported, and can be scored."""
    folds, others = one.curve.out_of_fold.folds, winner.curve.out_of_fold.folds
    return one.image_size == winner.image_size and np.array_equal(folds, others)


def _equals(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """That of the lowest RMSE, and those that no test tells from it: p at least 0.05, with no correction."""
    scores = {
        one.name: one.curve.at(one.curve.best(np.ones(len(one.curve.responses), dtype=bool))) for one in contenders
    }
    best = min(contenders, key=lambda one: (scores[one.name].rmse, one.name))
    return tuple(
        one
        for one in contenders
        if one is best or not difference(scores[one.name], scores[best.name]).p_above < SIGNIFICANT
    )
