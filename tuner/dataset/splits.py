"""Which labelled images each replicate trains on, and which it is held to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.config import DataConfig
from tuner.errors import ConfigError
from tuner.seeding import seed_of

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One fold of one repeat.

    Attributes:
        repeat: Counts the splits into folds.
        fold: Counts the folds of one repeat.
        train: Sorted indices of the labelled images that are trained on.
        held_out: Sorted indices of the labelled images that are evaluated on; none is in `train`.
    """

    repeat: int
    fold: int
    train: Indices
    held_out: Indices


def make_splits(data: DataConfig, num_labelled: int, variant: str = "") -> tuple[Split, ...]:
    """The splits of one trial, `folds` x `repeats`: `random_seed` decides them, and with `reshuffle` the variant too.

    With one fold, `eval_size` images are held out. With more, each image is held out exactly once a repeat, and folds
    differ in size by at most one.

    Raises:
        ConfigError: too few labelled images for it.
    """
    _check_size(data, num_labelled)
    names = ("split", variant) if data.reshuffle else ("split",)
    splits = []
    for repeat in range(data.repeats):
        order = np.random.default_rng(seed_of(data.random_seed, *names, repeat)).permutation(num_labelled)
        parts = np.array_split(order, data.folds) if data.folds > 1 else [order[: data.eval_size]]
        for fold, held_out in enumerate(parts):
            train = np.setdiff1d(order, held_out)
            splits.append(Split(repeat, fold, train.astype(np.int64), np.sort(held_out).astype(np.int64)))
    return tuple(splits)


def whole(num_labelled: int, repeats: int) -> tuple[Split, ...]:
    """Splits that train on every labelled image and hold out none, one a repeat."""
    everything = np.arange(num_labelled, dtype=np.int64)
    return tuple(Split(repeat, 0, everything, everything[:0]) for repeat in range(repeats))


def halves(splits: tuple[Split, ...], num_labelled: int, seed: int) -> npt.NDArray[np.bool_]:
    """`[L]`, which labelled images are in the first of two halves: half of what each split holds out.

    An image that several hold out is in the half that the first of them puts it in.
    """
    rng = np.random.default_rng(seed_of(seed, "halves"))
    first, left = np.zeros(num_labelled, dtype=bool), np.ones(num_labelled, dtype=bool)
    for number, held_out in enumerate([*(split.held_out for split in splits), np.arange(num_labelled)]):
        part = rng.permutation(held_out[left[held_out]])
        left[part] = False
        first[part[(number + 1) % 2 :: 2]] = True
    return first


def splits_of(folds_RL: Indices) -> tuple[Split, ...]:
    """The splits that hold out each labelled image in the fold `[R, L]` that is told; -1 is trained on in all."""
    return tuple(
        Split(repeat, fold, np.flatnonzero(folds_L != fold), np.flatnonzero(folds_L == fold))
        for repeat, folds_L in enumerate(folds_RL)
        for fold in range(int(folds_L.max()) + 1)
    )


def _check_size(data: DataConfig, num_labelled: int) -> None:
    if data.folds > 1 and data.folds > num_labelled:
        raise ConfigError(
            ("data", "folds"), f"must be at most {num_labelled}, the number of labelled images, but got {data.folds}"
        )
    if data.folds == 1 and data.eval_size >= num_labelled:
        raise ConfigError(
            ("data", "eval_size"),
            f"must be below {num_labelled}, the number of labelled images, but got {data.eval_size}",
        )
