"""What goes into a bundle, as values."""

from dataclasses import dataclass

from tuner.config import Config
from tuner.lineage import Lineage


@dataclass(frozen=True)
class Interval:
    """An RMSE with its 95 % interval."""

    rmse: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.rmse:.4f} (95 % interval {self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Member:
    """Networks of one variant in the bundle.

    Attributes:
        variant: Its name.
        lineage: Its configs until this step, as the search had them.
        step: Training steps, from the curve on about (folds - 1) / folds of the images.
        trained_images: On how many images that curve's networks were trained.
        networks: How many.
    """

    variant: str
    lineage: Lineage
    step: int
    trained_images: int
    networks: int

    @property
    def config(self) -> Config:
        """The one at this step."""
        return self.lineage[-1].config


@dataclass(frozen=True)
class Promotion:
    """What goes into the bundle, and how good it should be.

    Attributes:
        members: One config, or several finalists.
        expected: The RMSE of the mean of all these networks on new images.
        reason: Why these, one clause.
    """

    members: tuple[Member, ...]
    expected: Interval
    reason: str

    @property
    def networks(self) -> int:
        """How many, in all."""
        return sum(member.networks for member in self.members)
