"""Squared errors of held-out predictions, and how sure they make a comparison.

Axes: `T` evaluations, `R` repeats, `L` labelled images, `N` neurons. An entry is one prediction of one response.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.results.estimate import Estimate

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """How far held-out predictions are from the responses.

    Attributes:
        predictions: `[R, L, N]`; NaN where an image was not held out.
        responses: `[L, N]`; NaN where a neuron was not recorded.
        folds: `[R, L]`, which network of the repeat predicts the image; -1 where none does.
    """

    predictions: npt.NDArray[np.float32]
    responses: npt.NDArray[np.float32]
    folds: npt.NDArray[np.int64]

    @cached_property
    def squares(self) -> Array:
        """`[R, L, N]`, squared errors; NaN where there is no entry."""
        return np.square(self.predictions.astype(np.float64) - self.responses)

    @cached_property
    def rmse(self) -> float:
        """Root of the squared error pooled over all entries; NaN without any."""
        return _root_mean(self.squares)

    @cached_property
    def neuron_rmse(self) -> tuple[float, ...]:
        """`[N]`, the same for each neuron."""
        return tuple(_root_mean(self.squares[:, :, n]) for n in range(self.squares.shape[2]))

    @property
    def repeats(self) -> int:
        """R."""
        return len(self.folds)

    def of_repeats(self, count: int) -> "Scores":
        """The scores of the first repeats alone."""
        return Scores(self.predictions[:count], self.responses, self.folds[:count])

    def of_neuron(self, index: int) -> "Scores":
        """The scores of one neuron alone, N = 1."""
        one = slice(index, index + 1)
        return Scores(self.predictions[:, :, one], self.responses[:, one], self.folds)


def rmse_estimate(scores: Scores) -> Estimate:
    """The pooled RMSE with its standard error over images and networks."""
    residual_RL, total = _residual(scores.squares)
    if total == 0 or scores.rmse == 0:
        return Estimate(scores.rmse, math.nan, 1.0)
    variance, df = _two_way(residual_RL, scores.folds)
    return Estimate(scores.rmse, math.sqrt(variance) / total / (2 * scores.rmse), df)


def difference(one: Scores, other: Scores) -> Estimate:
    """RMSE of `one` minus that of `other`, paired by entry, over the repeats that both have.

    The difference of two roots is the difference of the squares over the sum of the roots. Of the difference of mean
    squares the standard error is taken over images and networks at once, see `_two_way`; networks of the same fold of
    the same split are pairs. Where the splits differ, only images are paired, and each side's networks count alone.
    """
    repeats = min(one.repeats, other.repeats)
    one, other = one.of_repeats(repeats), other.of_repeats(repeats)
    if np.array_equal(one.folds, other.folds):
        gap = one.squares - other.squares
        roots = _root_mean(np.where(np.isnan(gap), np.nan, one.squares)) + _root_mean(
            np.where(np.isnan(gap), np.nan, other.squares)
        )
        residual_RL, total = _residual(gap)
        mean = _mean(gap)
        variance, df = _two_way(residual_RL, one.folds)
    else:
        roots, mean = one.rmse + other.rmse, one.rmse**2 - other.rmse**2
        variance, df, total = _unpaired_networks(one, other)
    if total == 0 or not roots > 0:
        return Estimate(math.nan, math.nan, 1.0)
    return Estimate(mean / roots, math.sqrt(variance) / total / roots, df)


def _two_way(residual_RL: Array, folds_RL: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Variance of the residuals' sum, and its degrees of freedom.

    An image's errors go together in all repeats, and so do the errors of one network on all its images: the variance is
    that over images plus that over networks minus that over entries, which both of them hold (Cameron, Gelbach and
    Miller 2011, section 2.2); it is at least that over images alone. The degrees of freedom are Satterthwaite's.
    """
    images_L = residual_RL.sum(axis=0)
    num_images = int((folds_RL >= 0).any(axis=0).sum())
    of_images = float(np.square(images_L).sum()) * num_images / max(1, num_images - 1)
    networks_M = _network_sums(residual_RL, folds_RL)
    num_networks = len(networks_M)
    if num_networks < 2:
        return of_images, max(1.0, num_images - 1.0)
    of_networks = float(np.square(networks_M).sum()) * num_networks / (num_networks - 1)
    extra = max(0.0, of_networks - float(np.square(residual_RL).sum()))
    variance = of_images + extra
    if variance == 0:
        return 0.0, 1.0
    df = variance**2 / (of_images**2 / max(1, num_images - 1) + extra**2 / (num_networks - 1))
    return variance, df


def _unpaired_networks(one: Scores, other: Scores) -> tuple[float, float, float]:
    """Variance of the difference of sums over images that both sides held out, its df, and the sums' common scale."""
    sides = []
    for side in (one, other):
        residual_RL, total = _residual(side.squares)
        if total == 0:
            return 0.0, 1.0, 0.0
        sides.append((residual_RL / total, side.folds))
    images_L = sides[0][0].sum(axis=0) - sides[1][0].sum(axis=0)
    count = len(images_L)
    of_images = float(np.square(images_L).sum()) * count / max(1, count - 1)
    of_networks = 0.0
    for residual_RL, folds_RL in sides:
        alone, _ = _two_way(residual_RL, folds_RL)
        over_images = float(np.square(residual_RL.sum(axis=0)).sum()) * count / max(1, count - 1)
        of_networks += max(0.0, alone - over_images)
    return of_images + of_networks, max(1.0, count - 1.0), 1.0


def _residual(values_RLN: Array) -> tuple[Array, float]:
    """`[R, L]`, what is left of each image's sum once the pooled mean is taken off each entry; and the entries."""
    known = np.isfinite(values_RLN)
    total = float(known.sum())
    if total == 0:
        return np.zeros(values_RLN.shape[:2]), 0.0
    sums_RL = np.where(known, values_RLN, 0.0).sum(axis=2)
    return sums_RL - sums_RL.sum() / total * known.sum(axis=2), total


def _network_sums(residual_RL: Array, folds_RL: npt.NDArray[np.int64]) -> Array:
    """`[M]`, the residuals' sum over the images of each network that predicts any."""
    sums = [
        residual_RL[repeat, folds_RL[repeat] == fold].sum()
        for repeat in range(len(folds_RL))
        for fold in range(int(folds_RL[repeat].max(initial=-1)) + 1)
    ]
    return np.array(sums, dtype=np.float64)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _root_mean(values: Array) -> float:
    return math.sqrt(_mean(values))
