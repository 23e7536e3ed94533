"""What a network's config was when: a schedule of configs, each a mutation of the one before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tuner.config import Config
from tuner.settings import build, plain


@dataclass(frozen=True)
class Stage:
    """One config and the steps from which on a network is trained with it.

    Attributes:
        step: Training steps taken when it begins.
        config: The config.
        mutations: Names of those that made it of the one before, or of the base config.
        donor: The trial that config and weights come from, if it is another one.
    """

    step: int
    config: Config
    mutations: tuple[str, ...] = ()
    donor: str = ""


Lineage = tuple[Stage, ...]
"""From the first stage, which begins at step 0, to the last."""


def with_configs(lineage: Lineage, change: Callable[[Config], Config]) -> Lineage:
    """The same schedule with each config changed."""
    return tuple(replace(stage, config=change(stage.config)) for stage in lineage)


def stretched(lineage: Lineage, factor: float) -> Lineage:
    """The same schedule with each stage as many times as long."""
    return tuple(replace(stage, step=round(stage.step * factor)) for stage in lineage)


def plain_lineage(lineage: Lineage) -> list[dict[str, Any]]:
    """The lineage as YAML and JSON know it."""
    return [
        {
            "step": stage.step,
            "config": plain(stage.config),
            "mutations": list(stage.mutations),
            "donor": stage.donor,
        }
        for stage in lineage
    ]


def build_lineage(stages: list[dict[str, Any]]) -> Lineage:
    """The lineage in plain values.

    Raises:
        ConfigError: a config of it is none.
        ValueError: it is no lineage.
    """
    found = tuple(
        Stage(stage["step"], build(Config, stage["config"]), tuple(stage["mutations"]), stage["donor"])
        for stage in stages
    )
    if not found or found[0].step != 0 or any(a.step > b.step for a, b in pairwise(found)):
        raise ValueError("a lineage begins at step 0 and goes on from there")
    return found
