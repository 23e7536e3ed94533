"""How the time that the user grants is shared out among the stages."""

import time
from dataclasses import dataclass, field

SEARCH_SHARE = 0.45
EXPORT_S = 30.0
"""Writing the bundle and checking it: about half of that on a laptop."""


@dataclass(frozen=True)
class Budget:
    """Wall time of one run, from its start.

    Attributes:
        seconds: Of the whole run; None is without end.
        start: On the clock of `time.monotonic`.
    """

    seconds: float | None
    start: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left; infinite without an end."""
        return float("inf") if self.seconds is None else self.start + self.seconds - time.monotonic()

    def for_search(self) -> float | None:
        """Seconds that the search may take from now on; None is without end."""
        return None if self.seconds is None else max(0.0, self.left - (1 - SEARCH_SHARE) * self.seconds)

    def for_finals(self, promotion_s: float) -> float | None:
        """Seconds that the finals may take from now on, if the promotion takes so many; None is without end."""
        return None if self.seconds is None else max(0.0, self.left - promotion_s)
