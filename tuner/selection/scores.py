"""Squared errors of held-out predictions, and how sure they make a comparison.

Axes: `T` evaluations, `R` repeats, `L` labelled images, `N` neurons. An entry is one prediction of one response.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.results.estimate import Estimate
from tuner.selection.spread import Array, Spread, of_sums, satterthwaite, spread_of


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

    @cached_property
    def spread(self) -> Spread:
        """Of the mean squared error."""
        return spread_of(self.squares, self.folds)

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
    spread = scores.spread
    if not scores.rmse > 0:
        return Estimate(scores.rmse, math.nan, 1.0)
    return Estimate(scores.rmse, math.sqrt(spread.variance) / (2 * scores.rmse), spread.df)


def difference(one: Scores, other: Scores) -> Estimate:
    """RMSE of `one` minus that of `other`, paired by entry, over the repeats that both have.

    The difference of two roots is the difference of the squares over the sum of the roots. Of the difference of mean
    squares the standard error is taken over images and networks at once, see `Spread`; networks of the same fold of
    the same split are pairs. Where the splits differ, only images are paired, and each side's networks count alone.
    """
    repeats = min(one.repeats, other.repeats)
    one, other = one.of_repeats(repeats), other.of_repeats(repeats)
    if np.array_equal(one.folds, other.folds):
        gap = one.squares - other.squares
        lost = np.isnan(gap)
        roots = sum(_root_mean(np.where(lost, np.nan, side.squares)) for side in (one, other))
        spread = spread_of(gap, one.folds)
        mean, variance, df = _mean(gap), spread.variance, spread.df
    else:
        roots, mean = one.rmse + other.rmse, one.rmse**2 - other.rmse**2
        variance, df = _of_other_splits(one.spread, other.spread)
    if not roots > 0:
        return Estimate(math.nan, math.nan, 1.0)
    return Estimate(mean / roots, math.sqrt(variance) / roots, df)


def _of_other_splits(one: Spread, other: Spread) -> tuple[float, float]:
    """Variance of the difference of two means, and its degrees of freedom: an image pairs what both sides say of it."""
    count = int(((one.folds >= 0).any(axis=0) | (other.folds >= 0).any(axis=0)).sum())
    of_images = of_sums(one.residuals.sum(axis=0) - other.residuals.sum(axis=0), count)
    variance = of_images + one.of_networks + other.of_networks
    networks = ((side.over_networks, len(side.networks)) for side in (one, other))
    return variance, satterthwaite(variance, (of_images, count), *networks)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _root_mean(values: Array) -> float:
    return math.sqrt(_mean(values))
