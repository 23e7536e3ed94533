"""When a trial has nothing more to gain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

WITHOUT_END = 10**6
"""Evaluations: more than there can be."""


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


CLEARLY = 3.0
"""Standard errors."""


def is_hopeless(curve: Sequence[float], rmse_se: float, best: float, evaluations_left: int, limit: int) -> bool:
    """Whether a trial would end clearly worse than the control even if it went on as fast as now until its last step.

    Learning curves flatten out, so a straight line from their last `limit` evaluations is more than can be hoped for;
    and the standard error is that of one variant alone, several times that of a difference on the same images. It
    forgives much.

    Args:
        curve: The trial's RMSE so far.
        rmse_se: Of the last.
        best: The lowest RMSE that the control has reached.
        evaluations_left: That the trial may still have.
        limit: Evaluations that training waits for an improvement; fewer than two of these say nothing.
    """
    if len(curve) < 2 * limit or not math.isfinite(best):
        return False
    gain = max(0.0, curve[-1 - limit] - curve[-1]) / limit
    return min(curve) - gain * evaluations_left > best + CLEARLY * rmse_se


def hopeless_after(
    curve: Sequence[float], rmse_ses: Sequence[float], best: float, evaluations: int, limit: int
) -> int | None:
    """The number of evaluations after which a trial is hopeless; None if it never is.

    The lower the control's RMSE, the earlier: what is known while the control is still trained is too late rather than
    too early, so the answer for its whole curve does not depend on who ran when.

    Args:
        curve: The trial's RMSE at each evaluation.
        rmse_ses: Their standard errors.
        best: The lowest RMSE of the control.
        evaluations: That the trial may have, at most.
        limit: See `is_hopeless`.
    """
    numbers = range(1, len(curve) + 1)
    hopeless = (
        number
        for number in numbers
        if is_hopeless(curve[:number], rmse_ses[number - 1], best, evaluations - number, limit)
    )
    return next(hopeless, None)
