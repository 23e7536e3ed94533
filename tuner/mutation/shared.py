"""What all members of a population have in common, so that no mutation may change it."""

from typing import Any

from tuner.config import Config
from tuner.errors import InputError
from tuner.mutation.expand import Expansion
from tuner.mutation.space import Space

DATA = ("eval_size", "random_seed", "folds", "repeats", "reshuffle")
TRAINING = (
    "eval_steps",
    "early_stopping_evals",
    "max_steps",
    "keep_checkpoint_max",
    "export_best_models",
    "exports_to_keep",
)
SHARED = {"change_data": DATA, "change_training": TRAINING}


def shared_settings(config: Config) -> tuple[Any, ...]:
    """Those settings: which images are held out, and at which steps what happens."""
    return (
        *(getattr(config.data, name) for name in DATA),
        *(getattr(config.training, name) for name in TRAINING),
    )


def check_shared(space: Space) -> None:
    """Nothing happens if a population can apply every mutation of the file.

    Raises:
        InputError: a mutation changes what its members have in common.
    """
    for grid in space:
        for name, _ in grid.arguments:
            if name in SHARED.get(grid.function, ()):
                raise InputError(
                    f"{grid.where}: {grid.function}: {name} is the same for all members of a population, since their "
                    "networks pass from one to the other; leave it out, or take another --search"
                )


def check_halves(base: Config) -> None:
    """Nothing happens if a split can hold out images for both: who is replaced, and what is told.

    Raises:
        InputError: it cannot.
    """
    if base.data.folds == 1 and base.data.eval_size < 2:
        raise InputError(
            "data.eval_size must be at least 2 in a population: one half of the held-out images decides who is "
            "replaced, and the numbers are of the other"
        )


def check_starts(base: Config, found: Expansion) -> None:
    """Nothing happens if all variants have in common what members do; a user's own function may change anything.

    Raises:
        InputError: one has not.
    """
    for variant in found.variants:
        if shared_settings(variant.config) != shared_settings(base):
            raise InputError(
                f"{variant.mutations[-1].where}: {variant.name} would hold out other images, or evaluate at other "
                "steps, than the rest of the population; leave it out, or take another --search"
            )
