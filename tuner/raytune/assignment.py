"""What a trial's actor is told: Ray Tune's config of a trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.config import Config
from tuner.lineage import Lineage, build_lineage, plain_lineage

KEY = "variant"


@dataclass(frozen=True)
class Assignment:
    """One variant to evaluate.

    Attributes:
        name: The variant's, and the trial's.
        seed: Decides everything random in the trial.
        lineage: Its configs so far; training goes on with the last one.
        fitness_seed: Decides which half of the held-out images says who is exploited; None outside of populations.
        to_the_end: Whether training goes on to its last step, whatever is measured.
        together: Networks that are trained in one stack, at most; None is what is fastest.
    """

    name: str
    seed: int
    lineage: Lineage
    fitness_seed: int | None = None
    to_the_end: bool = False
    together: int | None = None

    @property
    def config(self) -> Config:
        """The last of the lineage."""
        return self.lineage[-1].config

    def made(self, lineage: Lineage) -> bool:
        """Whether a checkpoint of this lineage (empty, if it is one config) is one that the trial itself has made.

        A member of a population that was replaced goes on from a checkpoint of another, whose lineage is shorter.
        """
        return (lineage or self.lineage[:1]) == self.lineage

    def plain(self) -> dict[str, Any]:
        """The config that Ray hands to the trial."""
        return {KEY: {**vars(self), "lineage": plain_lineage(self.lineage)}}

    @staticmethod
    def of(config: Mapping[str, Any]) -> "Assignment":
        """What `plain` was made of."""
        return Assignment(**{**config[KEY], "lineage": build_lineage(config[KEY]["lineage"])})


def name_of(config: Mapping[str, Any]) -> str:
    """The variant's name alone."""
    return str(config[KEY]["name"])
