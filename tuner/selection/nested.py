"""The step at which networks stop, chosen without the images that they are then scored on.

Axes: `T` evaluations, `R` repeats, `L` labelled images, `N` neurons, `G` groups of images.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.engine.out_of_fold import OutOfFold
from tuner.seeding import seed_of
from tuner.selection.scores import Scores
from tuner.selection.spread import Array

GROUPS = 10


@dataclass(frozen=True, eq=False)
class Curve:
    """A variant's held-out predictions along its curve, summed up for choices among its steps.

    Attributes:
        out_of_fold: The predictions.
        responses: `[L, N]`.
        sums: `[T, L]`, each image's squared errors, summed over repeats and neurons; of the mean of several networks,
            if the curve is theirs.
        counts: `[L]`, of how many entries.
    """

    out_of_fold: OutOfFold
    responses: npt.NDArray[np.float32]
    sums: Array
    counts: npt.NDArray[np.int64]

    def best(self, images_L: npt.NDArray[np.bool_]) -> int:
        """Index of the evaluation with the lowest RMSE on these images: of the mean curve over all replicates.

        The first of equals; the last evaluation if the images have no response.
        """
        if not self.counts[images_L].any():
            return len(self.out_of_fold.steps) - 1
        return int(np.argmin(self.sums[:, images_L].sum(axis=1)))

    def at(self, index: int) -> Scores:
        """The scores of the evaluation with this index."""
        return Scores(self.out_of_fold.predictions[index], self.responses, self.out_of_fold.folds)

    @property
    def rmse(self) -> Array:
        """`[T]`, pooled over everything."""
        means: Array = np.sqrt(self.sums.sum(axis=1) / max(1, self.counts.sum()))
        return means

    @property
    def step(self) -> int:
        """The step with the lowest RMSE on all images."""
        return int(self.out_of_fold.steps[self.best(np.ones(len(self.responses), dtype=bool))])


def curve_of(out_of_fold: OutOfFold, responses_LN: npt.NDArray[np.float32], networks: int = 1) -> Curve | None:
    """The curve of a trial's networks; None if all of its evaluations lack predictions, as where a network diverged.

    Args:
        out_of_fold: Its predictions.
        responses_LN: What they are held to.
        networks: The curve is that of the mean of so many, see `Mixture`; with a single repeat it is that of one.
    """
    whole = (out_of_fold.folds >= 0)[None, :, :, None] & np.isfinite(responses_LN)
    missing_T = (np.isnan(out_of_fold.predictions) & whole).any(axis=(1, 2, 3))
    kept = OutOfFold(out_of_fold.steps[~missing_T], out_of_fold.predictions[~missing_T], out_of_fold.folds)
    counts_L = whole[0].sum(axis=(0, 2))
    if len(kept.steps) == 0 or not counts_L.any():
        return None
    sums = [_image_sums(predictions.astype(np.float64) - responses_LN, networks) for predictions in kept.predictions]
    return Curve(kept, responses_LN, np.stack(sums), counts_L)


def _image_sums(errors_RLN: Array, networks: int) -> Array:
    """`[L]`, squared errors summed over repeats and neurons, where each is that of a mean of networks."""
    own_L = np.nansum(np.square(errors_RLN), axis=(0, 2))
    repeats_LN = np.isfinite(errors_RLN).sum(axis=0)
    total_LN = np.nansum(errors_RLN, axis=0)
    pairs_LN = np.square(total_LN) - np.nansum(np.square(errors_RLN), axis=0)
    several = repeats_LN > 1
    twin_L = np.where(several, pairs_LN / np.maximum(repeats_LN - 1, 1), np.nansum(np.square(errors_RLN), axis=0)).sum(
        1
    )
    found: Array = own_L / networks + twin_L * (networks - 1) / networks
    return found


def groups_of(num_images: int, seed: int) -> npt.NDArray[np.int64]:
    """`[L]`, which group an image belongs to: `GROUPS` of nearly one size, or as many as there are images."""
    order = np.random.default_rng(seed_of("groups", seed)).permutation(num_images)
    groups = np.empty(num_images, dtype=np.int64)
    groups[order] = np.arange(num_images) % GROUPS
    return groups


def nested_scores(curve: Curve, groups_L: npt.NDArray[np.int64]) -> Scores:
    """The scores of predictions that each stem from the step that is best on the images of all other groups."""
    predictions = np.empty_like(curve.out_of_fold.predictions[0])
    for group in np.unique(groups_L):
        inside = groups_L == group
        predictions[:, inside] = curve.out_of_fold.predictions[curve.best(~inside)][:, inside]
    return Scores(predictions, curve.responses, curve.out_of_fold.folds)
