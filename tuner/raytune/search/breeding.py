"""How a population goes on from its best members."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.cost import cost_of
from tuner.errors import ConfigError
from tuner.lineage import Phase
from tuner.mutation.explore import explore
from tuner.mutation.shared import shared_settings
from tuner.mutation.space import Space
from tuner.raytune.assignment import Assignment
from tuner.seeding import seed_of
from tuner.settings import replaced

GROWTH = 4
"""How many times the multiply-adds of the largest config at the start, or its parameters, a config may come to have."""


@dataclass(frozen=True)
class Breeding:
    """How members of a population are replaced.

    Attributes:
        space: The mutations file.
        interval: Training steps between two replacements.
        quantile: Share of the members that are replaced, and share of those that they may be replaced by.
        structural: How likely a mutation is one that changes the shapes of a network's weights.
        patience: Training steps without a lower fitness of any member after which the search ends.
        control: The member that is never replaced: the base config.
        starts: The members' first configs, the control's first.
        image_side: The images' smaller side, in pixels.
        seed: Decides everything random.
        size: Members that go on; where more begin, the worse half of them ends after each interval until so few are
            left. None is all.
    """

    space: Space
    interval: int
    quantile: float
    structural: float
    patience: int
    control: str
    starts: tuple[Config, ...]
    image_side: int
    seed: int
    size: int | None = None

    @property
    def evaluations(self) -> int:
        """How many there are in an interval."""
        return math.ceil(self.interval / self.starts[0].training.eval_steps)

    def left_of(self, number: int) -> int:
        """How many of so many members go on after an interval."""
        return number if self.size is None else min(number, max(self.size, math.ceil(number / 2)))

    def child(self, own: Mapping[str, Any], donor: Mapping[str, Any], step: int) -> Assignment:
        """What a replaced member does next: the donor's lineage, and a mutation of its last config.

        Args:
            own: Ray's config of the member's trial.
            donor: Ray's config of the donor's.
            step: That both have come to.
        """
        mine, other = Assignment.of(own), Assignment.of(donor)
        rng = np.random.default_rng(seed_of(self.seed, "explore", mine.name, step))
        config, mutations = explore(other.config, self.space, rng, structural=self.structural, fits=self.fits)
        phase = Phase(step, config, tuple(mutation.name for mutation in mutations), other.name)
        return replace(mine, lineage=(*other.lineage, phase))

    def fits(self, config: Config) -> Config:
        """The config with the data's number of neurons, if a member can go on with it.

        Raises:
            ConfigError: it cannot.
        """
        base = self.starts[0]
        if config.model.num_classes is None:
            config = replaced(config, {"model": replaced(config.model, {"num_classes": base.model.num_classes})})
        if shared_settings(config) != shared_settings(base):
            raise ConfigError(("data",), "would hold out other images, or evaluate at other steps, than the population")
        if config.model.num_classes != base.model.num_classes or config.model.image_size > self.image_side:
            raise ConfigError(("model",), "does not fit the data")
        most = [cost_of(start.model, start.model.num_classes or 1) for start in self.starts]
        cost = cost_of(config.model, config.model.num_classes or 1)
        if cost.macs > GROWTH * max(one.macs for one in most) or cost.parameters > GROWTH * max(
            one.parameters for one in most
        ):
            raise ConfigError(("model",), f"costs more than {GROWTH} times as much as any config at the start")
        return config
