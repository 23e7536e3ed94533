"""What can be said of a winner: scores of networks whose config and step were chosen without the images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.results.verdict import Rule
from tuner.selection.nested import Curve
from tuner.selection.rules import Candidate, select
from tuner.selection.scores import Scores


@dataclass(frozen=True, eq=False)
class Contender:
    """A variant that may win.

    Attributes:
        name: Its name.
        macs: Multiply-adds of one image's forward pass.
        image_size: Of the images that it takes.
        control: Whether it is the base config.
        dropped: Whether the race has dropped it.
        curve: One network's.
        together: The curve of the mean of as many networks as the bundle would hold.
    """

    name: str
    macs: int
    image_size: int
    control: bool
    dropped: bool
    curve: Curve
    together: Curve

    def candidate(self, scores: Scores) -> Candidate:
        """The variant with these scores, as the rules know it."""
        return Candidate(self.name, self.macs, scores, self.control, self.dropped)


def honest_scores(
    contenders: Sequence[Contender], rule: Rule, tried: int, groups_L: npt.NDArray[np.int64], *, together: bool
) -> Scores:
    """The scores of the whole way to choose, step and winner: each image's are of the choice made without its group.

    Choosing the lowest of several RMSEs makes it look better than it is; choosing on some images and scoring on others
    does not (Cawley and Talbot 2010, section 5.3).

    Args:
        contenders: All that the winner is chosen from, and the control.
        rule: That chooses.
        tried: See `select`.
        groups_L: Groups of images.
        together: Whether the chosen one's step is that for the bundle's networks together, or for one alone.
    """
    repeats = min(len(contender.curve.out_of_fold.folds) for contender in contenders)
    responses = contenders[0].curve.responses
    predictions = np.full((repeats, *responses.shape), np.nan, dtype=np.float32)
    folds = np.full((repeats, len(responses)), -1, dtype=np.int64)
    by_name: Mapping[str, Contender] = {contender.name: contender for contender in contenders}
    for group in np.unique(groups_L):
        inside = groups_L == group
        seen = np.where(inside[:, None], np.float32(np.nan), responses)
        candidates = [contender.candidate(_scores_on(contender.curve, ~inside, seen)) for contender in contenders]
        chosen = by_name[select(candidates, rule, tried).winner]
        curve = chosen.together if together else chosen.curve
        found = curve.at(curve.best(~inside))
        predictions[:, inside] = found.predictions[:repeats, inside]
        folds[:, inside] = found.folds[:repeats, inside]
    return Scores(predictions, responses, folds)


def _scores_on(curve: Curve, images_L: npt.NDArray[np.bool_], responses_LN: npt.NDArray[np.float32]) -> Scores:
    found = curve.at(curve.best(images_L))
    return Scores(found.predictions, responses_LN, found.folds)
