"""Ray Tune's schedulers, which judge a trial by its lowest RMSE so far and never end the control."""

import math
from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from tuner.raytune.assignment import name_of
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.internals import mark, waiting_in
from tuner.results.record import RMSE_BEST
from tuner.results.strategy import Scheduler

JUDGED_BY: dict[str, Any] = {"time_attr": "training_iteration", "metric": RMSE_BEST, "mode": "min"}
NEVER: Any = math.inf
"""Ray's type is int; but to it a trial that was never paused was paused infinitely long ago, which no int exceeds."""
REDUCTION = 2
"""Of the trials that reach a rung, one in so many goes on. Ray's 4 would leave one rung or none between the grace
period and the end of a curve of some ten evaluations; and the best quarter is hard to tell from the second."""


@dataclass(frozen=True)
class EarlyEnding:
    """When trials end early; time is counted in evaluations.

    Attributes:
        name: Whose rule.
        spared: The variant that never ends early, and that no other is compared with.
        longest: Evaluations of a trial, at most.
        grace: Before which none ends; ASHA and the median rule.
    """

    name: Scheduler
    spared: str
    longest: int
    grace: int

    def scheduler(self) -> TrialScheduler:
        """Ray Tune's scheduler. A trial that reaches its last step ends by itself."""
        longest, grace = max(1, self.longest), min(max(1, self.grace), max(1, self.longest))
        if self.name == "asha":
            return SparingScheduler(
                ASHAScheduler(
                    **JUDGED_BY, max_t=longest, grace_period=grace, reduction_factor=REDUCTION, stop_last_trials=False
                ),
                self.spared,
            )
        if self.name == "median":  # a trial waits for no other: each would be restored from its checkpoint again
            return SparingScheduler(
                MedianStoppingRule(**JUDGED_BY, grace_period=grace, min_time_slice=NEVER), self.spared
            )
        if self.name == "hyperband":
            return SparingScheduler(WaitingHyperBand(**JUDGED_BY, max_t=longest, stop_last_trials=False), self.spared)
        return InOrder()


class InOrder(FIFOScheduler):
    """Ray's own, which ends nothing early; trials go on where their folders say."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial is new, was restored, or is tried again."""
        Recovery.current().recover(trial)


class WaitingHyperBand(HyperBandScheduler):
    """Ray's own, whose trials may end by themselves, and whose run may go on in another process.

    Where the last trial that a bracket waits for ends by itself, Ray's looks at the bracket again only if it was never
    halved before: its other trials would stay paused, and the run would never end.
    """

    def _process_bracket(self, tune_controller: Any, bracket: Any) -> str:
        if not bracket.current_trials():
            return TrialScheduler.CONTINUE
        trials = bracket.current_trials()
        action: str = super()._process_bracket(tune_controller, bracket)
        mark(tune_controller, trials)
        bracket.is_being_processed = False  # of this call; Ray's leaves it
        return action

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Ray's hook; Ray restores trials that wait for others as if they did not."""
        for bracket in (one for band in self._hyperbands for one in band if one is not None):
            for trial in waiting_in(bracket):
                if trial.status == Trial.PENDING:
                    tune_controller._set_trial_status(trial, Trial.PAUSED)
        chosen: Trial | None = super().choose_trial_to_run(tune_controller)
        return chosen


class SparingScheduler(FIFOScheduler):
    """Another scheduler, which never hears of one variant: that goes on to its own end, and counts in no comparison.

    Nor does it hear of trials that had ended before a run was resumed, or of results without a number.

    Args:
        inner: The other.
        spared: Name of the variant.

    Attributes:
        known: Ids of the trials that the other knows.
        stopped: Of those that it has ended.
        is_restored: Whether its state is that of the run; before, Ray adds trials that it has restored.
    """

    def __init__(self, inner: TrialScheduler, spared: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inner, self.spared = inner, spared
        self.known: set[str] = set()
        self.stopped: set[str] = set()
        self.is_restored = False

    @property
    def metric(self) -> Any:
        """Ray's hook: the name in a result's row."""
        return self.inner.metric

    @property
    def supports_buffered_results(self) -> bool:
        """Ray's hook."""
        return bool(self.inner.supports_buffered_results)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial is new, was restored, or is tried again."""
        Recovery.current().recover(trial)
        if not trial.is_finished() and name_of(trial.config) != self.spared:
            self.known.add(trial.trial_id)
            self.inner.on_trial_add(tune_controller, trial)
            if self.is_restored:
                self.replay(trial)

    def replay(self, trial: Trial) -> None:
        """The other has heard of what the trial measured before Ray began to tell of it.

        A trial that it would end by that ends with its next result. HyperBand's go on in step: each next result says
        all.
        """
        missed = Recovery.current().missed.pop(name_of(trial.config), ())
        for row in () if isinstance(self.inner, HyperBandScheduler) else missed:
            self.on_trial_result(None, trial, row)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial failed; it is added again if it is tried again."""
        if trial.trial_id in self.known:
            self.known.discard(trial.trial_id)
            self.inner.on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Ray's hook: whether a trial goes on after this evaluation."""
        if trial.trial_id not in self.known or not math.isfinite(result[RMSE_BEST]):
            return TrialScheduler.CONTINUE
        if trial.trial_id in self.stopped:  # a crash came before its end; the median rule would fail
            return TrialScheduler.STOP
        action = str(self.inner.on_trial_result(tune_controller, trial, result))
        if action == TrialScheduler.STOP:
            self.stopped.add(trial.trial_id)
        return action

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Ray's hook: a trial has ended with this result."""
        if not math.isfinite(result[RMSE_BEST]):
            self.on_trial_remove(tune_controller, trial)
        elif trial.trial_id in self.known:
            self.known.discard(trial.trial_id)
            self.inner.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial that was waiting has ended."""
        if trial.trial_id in self.known:
            self.known.discard(trial.trial_id)
            self.inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Ray's hook: which of those that wait runs next; those unknown to the other come first."""
        waiting = (Trial.PENDING, Trial.PAUSED)
        trials = (trial for trial in tune_controller.get_trials() if trial.status in waiting)
        unknown: Trial | None = next((trial for trial in trials if trial.trial_id not in self.known), None)
        chosen: Trial | None = unknown or self.inner.choose_trial_to_run(tune_controller)
        return chosen

    def debug_string(self) -> str:
        """Ray's hook."""
        return str(self.inner.debug_string())
