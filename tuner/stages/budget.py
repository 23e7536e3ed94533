"""How the time and the money that the user grants are shared out among the stages."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.stages.meter import Meter

SEARCH_SHARE = 0.45
EXPORT_S = 30.0
"""Writing the bundle and checking it: about half of that on a laptop."""


@dataclass(frozen=True)
class Purse:
    """Money for an experiment, all its runs together.

    Attributes:
        dollars: That it may cost.
        meter: Knows what was spent.
    """

    dollars: float
    meter: "Meter"

    def is_short_of(self, dollars: float) -> bool:
        """Whether less than that is left."""
        return self.dollars - self.meter.spent.dollars < dollars


@dataclass(frozen=True)
class Budget:
    """Wall time of one run, from its start, and money.

    Attributes:
        seconds: Of the whole run; None is without end.
        start: On the clock of `time.monotonic`.
        purse: None is money without end.
    """

    seconds: float | None
    start: float = field(default_factory=time.monotonic)
    purse: Purse | None = None

    @property
    def left(self) -> float:
        """Seconds that are left; infinite without an end."""
        return float("inf") if self.seconds is None else self.start + self.seconds - time.monotonic()

    @property
    def is_limited(self) -> bool:
        """Whether there is an end of either."""
        return self.seconds is not None or self.purse is not None

    @property
    def word(self) -> str:
        """What there is an end of, in the sentence that none is left."""
        return "time" if self.purse is None else "money" if self.seconds is None else "time or money"

    @property
    def ended(self) -> str:
        """A clause: that there is no more of it."""
        ends = ("time was up", "the money was spent")
        return ends[0] if self.purse is None else ends[1] if self.seconds is None else " or ".join(ends)

    def for_search(self) -> float | None:
        """Seconds that the search may take from now on; None is without end."""
        return None if self.seconds is None else max(0.0, self.left - (1 - SEARCH_SHARE) * self.seconds)

    def for_finals(self, promotion_s: float) -> float | None:
        """Seconds that the finals may take from now on, if the promotion takes so many; None is without end."""
        return None if self.seconds is None else max(0.0, self.left - promotion_s)

    def search_is_over(self) -> bool:
        """Whether the search's share of the money is spent."""
        return self.purse is not None and self.purse.is_short_of((1 - SEARCH_SHARE) * self.purse.dollars)

    def money_is_over(self, reserve_s: float) -> bool:
        """Whether the money would not do for so many seconds more, with the nodes that are there now."""
        return self.purse is not None and self.purse.is_short_of(reserve_s * self.purse.meter.rate)
