"""Ends trials that are not worth going on with, and all of them when time is up: Ray Tune's stopper."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ray.tune import Stopper

from tuner.engine.stopping import is_hopeless
from tuner.raytune.assignment import Assignment


@dataclass(frozen=True)
class Limits:
    """When trials end that could go on.

    Attributes:
        seconds: For all trials together; None is without end.
        give_up: Whether a trial ends that will clearly be worse than the control.
        spared: The control, which never does.
    """

    seconds: float | None = None
    give_up: bool = False
    spared: str = ""


class StopEarly(Stopper):
    """Keeps the limits of this process.

    Ray pickles its stopper with the experiment and restores it in another process; the time that is left, and the
    trials' curves, belong to the process.

    Attributes:
        limits: See above.
        fired: Whether Ray was told that time is up; it then ends all trials without a word to its callbacks.
    """

    limits: ClassVar[Limits] = Limits()
    fired: ClassVar[bool] = False
    _time_up: ClassVar[tuple[Callable[[], None], ...]] = ()
    _start: ClassVar[float] = 0.0
    _curves: ClassVar[dict[str, dict[int, float]]] = {}

    @classmethod
    def begin(
        cls, limits: Limits, *time_up: Callable[[], None], curves: Mapping[str, Mapping[int, float]] | None = None
    ) -> None:
        """From now on these limits hold.

        Args:
            limits: See above.
            time_up: Each is called once, before Ray ends all.
            curves: Trial to the RMSE at each step that it was evaluated at before.
        """
        cls.limits, cls.fired, cls._start = limits, False, time.monotonic()
        cls._curves = {name: dict(curve) for name, curve in (curves or {}).items()}
        cls._time_up = time_up

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
        up = self.limits.seconds is not None and time.monotonic() - self._start > self.limits.seconds
        if up and not self.fired:
            for tell in self._time_up:
                tell()
            type(self).fired = True
        return self.fired
