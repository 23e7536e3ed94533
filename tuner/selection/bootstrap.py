"""What the RMSE of networks would have been with other images and other networks.

Axes: `D` draws, `F` configs, `R` repeats, `L` labelled images, `N` neurons, `M` networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.results.verdict import Interval
from tuner.seeding import seed_of
from tuner.selection.scores import Array, Scores

DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each draw takes each image and each network: both are drawn with replacement, independently.

    A resampled entry counts as often as its image times its network (the pigeonhole bootstrap, Owen 2007), so that an
    interval knows that images are few, and that networks are.

    Attributes:
        images: `[D, L]`.
        networks: `[D, R, L]`, of the network that predicts the image in the repeat.
    """

    images: Array
    networks: Array


def resamples(folds_RL: npt.NDArray[np.int64], seed: int, draws: int = DRAWS) -> Resamples:
    """Random weights for the images and networks of a cross-validation; images that no fold holds out get none."""
    rng = np.random.default_rng(seed_of("bootstrap", seed))
    known_L = (folds_RL >= 0).any(axis=0)
    images = np.zeros((draws, folds_RL.shape[1]))
    images[:, known_L] = rng.multinomial(known_L.sum(), np.full(known_L.sum(), 1 / known_L.sum()), size=draws)
    labels = np.where(folds_RL >= 0, folds_RL + (folds_RL.max() + 1) * np.arange(len(folds_RL))[:, None], -1)
    found, index_RL = np.unique(labels, return_inverse=True)
    count = len(found) - (found[0] == -1)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
    if found[0] == -1:
        drawn = np.concatenate([np.zeros((draws, 1)), drawn], axis=1)
    return Resamples(images, drawn[:, index_RL.reshape(folds_RL.shape)])


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
        folds_RL = self.configs[0].folds
        ones = Resamples(np.ones((1, folds_RL.shape[1])), (folds_RL >= 0)[None].astype(np.float64))
        return float(self.draws(ones)[0])

    def draws(self, drawn: Resamples) -> Array:
        """`[D]`, the same for each draw; NaN where a draw has no entry."""
        alone, same, cross = self._products
        repeats, count = len(self.configs[0].folds), len(self.configs)
        diagonal = [(alone[0][r], alone[1][r], drawn.networks[:, r]) for r in range(repeats)]
        pairs = [(r, s) for r in range(repeats) for s in range(r)]
        apart = [(r, s, drawn.networks[:, r] * drawn.networks[:, s]) for r, s in pairs]
        own = _ratio(diagonal, drawn.images)
        twin = _ratio([(same[0][r, s], same[1][r, s], both) for r, s, both in apart], drawn.images) if pairs else own
        if pairs:
            other = _ratio([(cross[0][r, s], cross[1][r, s], both) for r, s, both in apart], drawn.images)
        else:
            other = _ratio(
                [(cross[0][r, r], cross[1][r, r], weight) for r, (_, _, weight) in enumerate(diagonal)], drawn.images
            )
        total = count * self.networks
        mean: Array = own / total + twin * (self.networks - 1) / total + other * (count - 1) / count
        return np.sqrt(np.maximum(mean, 0.0))

    @cached_property
    def _products(self) -> tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, Array]]:
        """Sums over neurons and numbers of products of errors: alone `[R, L]`, same and other configs `[R, R, L]`."""
        count = len(self.configs)
        errors = np.stack([scores.predictions.astype(np.float64) - scores.responses for scores in self.configs])
        known = np.isfinite(errors).all(axis=0)
        errors = np.where(known, errors, 0.0)
        total_RLN = errors.sum(axis=0)
        alone = np.einsum("frln,frln->rl", errors, errors) / count
        same = np.einsum("frln,fsln->rsl", errors, errors)
        everything = np.einsum("rln,sln->rsl", total_RLN, total_RLN)
        cross = (everything - same) / max(1, count * (count - 1))
        entries = known.astype(np.float64)
        pairs = np.einsum("rln,sln->rsl", entries, entries)
        return (alone, entries.sum(axis=2)), (same / count, pairs), (cross, pairs)


def _ratio(parts: Sequence[tuple[Array, Array, Array]], images_DL: Array) -> Array:
    """`[D]`, the weighted sum of `[L]` sums over that of `[L]` counts, with weights of images times `[D, L]` others."""
    above = sum(((images_DL * weight) @ sums for sums, _, weight in parts), np.zeros(len(images_DL)))
    below = sum(((images_DL * weight) @ counts for _, counts, weight in parts), np.zeros(len(images_DL)))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = above / below
    return found


def interval(mixture: Mixture, drawn: Resamples) -> Interval:
    """The RMSE of a mean of networks with the 95 % interval of its draws.

    The draws' 2.5 % and 97.5 % points are moved by what their mean differs from the RMSE.
    """
    values = mixture.draws(drawn)
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.025, 0.975]) + (mixture.rmse - values.mean())
    return Interval(mixture.rmse, float(low), float(high))
