"""How far a sum over images and networks would scatter if other images and other networks had been drawn.

Axes: `R` repeats, `L` labelled images, `N` neurons, `M` networks. An entry is one value that is not NaN.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """What is left of each image's values in a repeat once the pooled mean is taken off, as a share of all entries.

    An image's values go together in all repeats, and so do those of one network on all its images: the variance of the
    mean is that over images plus that over networks minus that over entries, which both of them hold (Cameron, Gelbach
    and Miller 2011, section 2.2); it is at least that over images alone.

    Attributes:
        residuals: `[R, L]`; 0 where there is no entry.
        folds: `[R, L]`, which network of the repeat an image belongs to; -1 where there is no entry.
    """

    residuals: Array
    folds: npt.NDArray[np.int64]

    @property
    def num_images(self) -> int:
        """Images with an entry; fewer than two tell nothing of their scatter."""
        return int((self.folds >= 0).any(axis=0).sum())

    @cached_property
    def networks(self) -> Array:
        """`[M]`, the sum of each network that has an entry."""
        index, known = network_numbers(self.folds), self.folds >= 0
        return np.bincount(index[known], weights=self.residuals[known]).astype(np.float64)

    @property
    def of_images(self) -> float:
        """Variance over images."""
        return of_sums(self.residuals.sum(axis=0), self.num_images)

    @property
    def over_networks(self) -> float:
        """Variance over networks, what they share with the images included."""
        return of_sums(self.networks, len(self.networks)) if len(self.networks) > 1 else 0.0

    @property
    def of_networks(self) -> float:
        """Variance that networks add to that over images."""
        return max(0.0, self.over_networks - float(np.square(self.residuals).sum()))

    @property
    def variance(self) -> float:
        """Of the mean."""
        return self.of_images + self.of_networks

    @property
    def df(self) -> float:
        """Satterthwaite's degrees of freedom of the variance."""
        return satterthwaite(self.variance, (self.of_images, self.num_images), (self.over_networks, len(self.networks)))


def spread_of(values_RLN: Array, folds_RL: npt.NDArray[np.int64]) -> Spread:
    """The spread of the mean of all values that are not NaN."""
    known_RLN = np.isfinite(values_RLN)
    entries_RL = known_RLN.sum(axis=2)
    total = max(1, int(entries_RL.sum()))
    sums_RL = np.where(known_RLN, values_RLN, 0.0).sum(axis=2)
    residuals = (sums_RL - sums_RL.sum() / total * entries_RL) / total
    return Spread(residuals, np.where(entries_RL > 0, folds_RL, -1))


def network_numbers(folds_RL: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`[R, L]`, each entry's network, numbered from 0 over all repeats; -1 where there is none."""
    labels_RL = folds_RL + (folds_RL.max(initial=-1) + 1) * np.arange(len(folds_RL))[:, None]
    numbers = np.full(folds_RL.shape, -1, dtype=np.int64)
    numbers[folds_RL >= 0] = np.unique(labels_RL[folds_RL >= 0], return_inverse=True)[1]
    return numbers


def of_sums(sums: Array, count: int) -> float:
    """Variance of the total of `count` independent sums whose mean is 0; NaN for fewer than two."""
    return float(np.square(sums).sum()) * count / (count - 1) if count > 1 else math.nan


def satterthwaite(variance: float, *parts: tuple[float, int]) -> float:
    """Degrees of freedom of a variance that is made of parts, each of so many sums.

    What networks share with images is not taken off their part, so that nothing jumps where nothing is left.
    """
    scatter = sum(part**2 / (count - 1) for part, count in parts if count > 1)
    return max(1.0, variance**2 / scatter) if scatter > 0 else 1.0
