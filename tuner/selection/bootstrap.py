"""What the RMSE of networks would have been with other images and other networks.

Axes: `D` draws, `F` configs, `R` repeats, `L` labelled images, `N` neurons, `M` networks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.results.promotion import Interval
from tuner.seeding import seed_of
from tuner.selection.scores import Scores
from tuner.selection.spread import Array, network_numbers

DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each draw takes each image and each network: both are drawn with replacement, independently.

    Attributes:
        images: `[D, L]`; 0 for an image that no fold holds out.
        networks: `[D, M]`.
        network: `[R, L]`, which of the M networks predicts the image in the repeat; -1 where none does.
    """

    images: Array
    networks: Array
    network: npt.NDArray[np.int64]


def resamples(folds_RL: npt.NDArray[np.int64], seed: int, draws: int = DRAWS) -> Resamples:
    """Random draws of the images and networks of a cross-validation."""
    rng = np.random.default_rng(seed_of("bootstrap", seed))
    known_L = (folds_RL >= 0).any(axis=0)
    images = np.zeros((draws, folds_RL.shape[1]))
    images[:, known_L] = _drawn(rng, int(known_L.sum()), draws)
    network = network_numbers(folds_RL)
    return Resamples(images, _drawn(rng, 1 + int(network.max()), draws), network)


@dataclass(frozen=True, eq=False)
class Mixture:
    """The mean of `networks` networks of each of F configs, of which only single networks were cross-validated.

    The squared error of a mean of networks is the mean over pairs of the product of their errors. Pairs of a network
    with itself, of two networks of one config, and of two configs are averaged apart, and each kind counts as often as
    it occurs in the mean. Pairs are of different repeats: those have other seeds and splits, as the mean's networks do.
    With a single repeat there is no such pair, and a second network of a config is taken to be no help.

    Attributes:
        configs: Scores of each config, of the same folds.
        networks: Of each config in the mean.
    """

    configs: Sequence[Scores]
    networks: int = 1

    @property
    def rmse(self) -> float:
        """Expected RMSE of the mean, pooled over entries."""
        return float(self._of_images(np.ones((1, len(self.configs[0].responses))))[0])

    def draws(self, drawn: Resamples) -> Array:
        """`[D]`, the same for each draw; NaN where a draw has no entry.

        The hierarchy is images, and within an image the networks that predict it: what a draw of networks moves has the
        variance that networks add to that over images, see `Spread`. It is that of single networks, averaged over the
        configs.
        """
        noise = [_network_noise(scores, drawn) for scores in self.configs]
        moved: Array = self._of_images(drawn.images) + np.mean(noise, axis=0)
        return moved

    def _of_images(self, weights_DL: Array) -> Array:
        """`[D]`, the RMSE with images that count so much."""
        count, total = len(self.configs), len(self.configs) * self.networks
        own, twin, other = (_ratio(part, weights_DL) for part in self._sums)
        mean: Array = own / total + twin * (self.networks - 1) / total + other * (count - 1) / count
        return np.sqrt(np.maximum(mean, 0.0))

    @cached_property
    def _sums(self) -> tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, Array]]:
        """Of each kind of pair the sums `[L]` of products of errors over neurons and pairs, and their numbers `[L]`."""
        count, repeats = len(self.configs), len(self.configs[0].folds)
        errors = np.stack([scores.predictions.astype(np.float64) - scores.responses for scores in self.configs])
        known_RLN = np.isfinite(errors).all(axis=0)
        errors = np.where(known_RLN, errors, 0.0)
        entries_RLN = known_RLN.astype(np.float64)
        own = np.einsum("frln,frln->l", errors, errors) / count, entries_RLN.sum(axis=(0, 2))
        if repeats == 1:
            return own, own, (_crossed(errors, own[0]), own[1])
        together = np.square(errors.sum(axis=1)).sum(axis=(0, 2)) / count
        pairs = np.square(entries_RLN.sum(axis=0)).sum(axis=1) - own[1]
        everything = np.square(errors.sum(axis=(0, 1))).sum(axis=1) - np.square(errors.sum(axis=0)).sum(axis=(0, 2))
        twin = together - own[0]
        other = (everything - count * twin) / max(1, count * (count - 1))
        return own, (twin, pairs), (other, pairs)


def _crossed(errors_FRLN: Array, own_L: Array) -> Array:
    """`[L]`, the products of different configs' errors in the same repeat, averaged over pairs of configs."""
    count = len(errors_FRLN)
    total_RLN = errors_FRLN.sum(axis=0)
    found: Array = (np.square(total_RLN).sum(axis=(0, 2)) - count * own_L) / max(1, count * (count - 1))
    return found


def _network_noise(scores: Scores, drawn: Resamples) -> Array:
    """`[D]`, by how much each draw of networks moves the RMSE, to first order: with the variance that they add."""
    spread = scores.spread
    known = drawn.network >= 0
    of_network_M = np.bincount(drawn.network[known], spread.residuals[known], minlength=drawn.networks.shape[1])
    scatter = float(np.square(of_network_M).sum())
    if scatter == 0 or scores.rmse == 0:
        return np.zeros(len(drawn.networks))
    moved: Array = (drawn.networks - 1) @ of_network_M * math.sqrt(spread.of_networks / scatter) / (2 * scores.rmse)
    return moved


def _drawn(rng: np.random.Generator, count: int, draws: int) -> Array:
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def _ratio(part: tuple[Array, Array], weights_DL: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (weights_DL @ part[0]) / (weights_DL @ part[1])
    return found


def interval(mixture: Mixture, drawn: Resamples) -> Interval:
    """The RMSE of a mean of networks with the 95 % interval of its draws.

    The draws' 2.5 % and 97.5 % points are moved by what their mean differs from the RMSE.
    """
    values = mixture.draws(drawn)
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.025, 0.975]) + (mixture.rmse - values.mean())
    return Interval(mixture.rmse, float(low), float(high))
