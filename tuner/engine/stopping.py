"""When a trial has nothing more to gain."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Patience:
    """How long a curve has been waiting for its next best value.

    Attributes:
        limit: Evaluations without improvement after which training ends.
        best: The lowest RMSE so far.
        waited: Evaluations since then.
    """

    limit: int
    best: float = math.inf
    waited: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether training ends."""
        return self.waited >= self.limit


def improve(state: Patience, rmse: float) -> Patience:
    """The patience after one more evaluation. NaN is no improvement."""
    if rmse < state.best:
        return replace(state, best=rmse, waited=0)
    return replace(state, waited=state.waited + 1)
