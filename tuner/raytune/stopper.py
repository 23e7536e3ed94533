"""Ends trials that are not worth going on with, and all of them when time is up: Ray Tune's stopper."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ray.tune import Stopper

from tuner.engine.stopping import is_hopeless
from tuner.raytune.assignment import Assignment
from tuner.raytune.resident import Resident


def never() -> bool:
    """That nothing is over."""
    return False


@dataclass(frozen=True)
class Limits:
    """When trials end that could go on.

    Attributes:
        seconds: For all trials together; None is without end.
        give_up: Whether a trial ends that will clearly be worse than the control.
        spared: The control, which never does.
        money_spent: Asked all the time: whether all trials end as if time was up.
    """

    seconds: float | None = None
    give_up: bool = False
    spared: str = ""
    money_spent: Callable[[], bool] = field(default=never, compare=False)


UNLIMITED = Limits()
"""Each trial goes on to its own end."""


class StopEarly(Resident, Stopper):
    """Keeps the limits.

    Args:
        limits: See above; time begins with the call.
        time_up: Called once, with the reason, before Ray ends all trials, which it does without a word to its
            callbacks.
        curves: Trial to the RMSE at each step that it was evaluated at before.
    """

    def __init__(
        self,
        limits: Limits,
        time_up: Callable[[str], None] = lambda reason: None,
        curves: Mapping[str, Mapping[int, float]] | None = None,
    ) -> None:
        super().__init__()
        self.limits = limits
        self._time_up, self._is_up, self._start = time_up, False, time.monotonic()
        self._curves = {name: dict(curve) for name, curve in (curves or {}).items()}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Ray's hook: whether the trial ends with this result."""
        told = Assignment.of(result["config"])
        curve = self._curves.setdefault(told.name, {})
        curve[result["step"]] = result["rmse"]
        if not self.limits.give_up or told.name == self.limits.spared:
            return False
        control = self._curves.get(self.limits.spared, {}).values()
        best = min((rmse for rmse in control if math.isfinite(rmse)), default=math.inf)
        so_far = [curve[step] for step in sorted(curve) if step <= result["step"]]
        training = told.config.training
        left = math.ceil(training.max_steps / training.eval_steps) - len(so_far)
        return is_hopeless(so_far, result["rmse_se"], best, left, training.early_stopping_evals)

    def stop_all(self) -> bool:
        """Ray's hook: whether all trials end."""
        limits = self.limits
        up = limits.seconds is not None and time.monotonic() - self._start > limits.seconds
        if not self._is_up and (up or limits.money_spent()):
            self._time_up("time was up" if up else "the money was spent")
            self._is_up = True
        return self._is_up
