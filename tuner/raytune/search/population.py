"""Ray Tune's population-based training, whose members change by the mutations file and inherit weights."""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from tuner.raytune.assignment import Assignment, name_of
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.internals import keep_actors, save
from tuner.raytune.search.breeding import Breeding
from tuner.results.record import FITNESS
from tuner.seeding import seed_of


class Population(PopulationBasedTraining):
    """Population-based training (Jaderberg et al. 2017), all members in step.

    At the end of each interval the worst members go on from checkpoints of the best: with their config, changed by one
    mutation, and what their networks have learned. While there are more members than are to go on, the worse half is
    ended first. All are compared at the same step, so that which one runs faster changes nothing. The search ends once
    no member has become better for a while.

    Ray's compares the members when the last of them reports. Here it is when all wait, and their checkpoints are
    written: the last one may end or fail in place of reporting, and one that is replaced while it writes would be
    ended by Ray with its next checkpoint. No trial starts by itself either, so that all members are there before any
    of them is compared.

    What the past decides follows from the trials' checkpoints and lineages, except for what `Memory` carries.

    Args:
        breeding: How members are replaced.
        at_a_time: Members that are trained at a time; None is as many as fit.
    """

    def __init__(self, breeding: Breeding, at_a_time: int | None = None) -> None:
        super().__init__(
            time_attr="step",
            metric=FITNESS,
            mode="min",
            perturbation_interval=breeding.interval,
            quantile_fraction=breeding.quantile,
            custom_explore_fn=_unused,
            log_config=False,
            synch=True,
        )
        self.breeding, self._at_a_time = breeding, at_a_time
        self.lowest, self.lowest_at = math.inf, 0.0
        self._keeps_actors = False

    @property
    def over(self) -> bool:
        """Whether all members have ended."""
        return all(trial.is_finished() for trial in self._trial_state)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial is new, was restored, or is tried again after a failure."""
        Recovery.current().recover(trial)
        tried_again = trial in self._trial_state
        super().on_trial_add(tune_controller, trial)
        saved = trial.latest_checkpoint_result
        if saved is not None:
            self._save_trial_state(self._trial_state[trial], saved.metrics["step"], saved.metrics, trial)
        reached, interval = self._trial_state[trial].last_train_time, self.breeding.interval
        passed = max(Assignment.of(trial.config).lineage[-1].step, (reached - 1) // interval * interval)
        self._next_perturbation_sync = max(self._next_perturbation_sync, passed + interval)
        if not (tried_again or trial.is_finished()):
            trial.set_status(Trial.PAUSED)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Ray's hook: whether the trial goes on, or waits for the others."""
        self._save_trial_state(self._trial_state[trial], result["step"], result, trial)
        waits: bool = result["step"] >= self._next_perturbation_sync
        return TrialScheduler.PAUSE if waits else TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Ray's hook: which of the trials that wait runs next; if all wait for each other, the worst are replaced."""
        live = [trial for trial in tune_controller.get_trials() if not trial.is_finished()]
        if not self._keeps_actors:
            keep_actors(tune_controller, live)
            self._keeps_actors = True
        if live and all(self._waits(trial) for trial in live):
            self._compare(tune_controller, live)
        chosen: Trial | None = super().choose_trial_to_run(tune_controller)
        busy = sum(trial.status in (Trial.PENDING, Trial.RUNNING) for trial in live)
        full = self._at_a_time is not None and busy >= self._at_a_time
        return None if chosen is not None and chosen.status == Trial.PAUSED and full else chosen

    def _waits(self, trial: Trial) -> bool:
        reached = self._trial_state[trial].last_train_time
        return bool(trial.status == Trial.PAUSED and reached >= self._next_perturbation_sync)

    def _compare(self, tune_controller: Any, live: list[Trial]) -> None:
        """The worst are ended or replaced, or all end; Ray's snapshot has all of it or nothing: see `Snapshot`."""
        step = self._next_perturbation_sync
        self._next_perturbation_sync += self.breeding.interval
        lowest = -max(self._score(trial) for trial in live)
        if lowest < self.lowest:
            self.lowest, self.lowest_at = lowest, step
        if step - self.lowest_at >= self.breeding.patience:
            for trial in live:
                tune_controller.stop_trial(trial)
            save(tune_controller, live)
            return
        replaceable = [trial for trial in self._ranked() if not self._is_control(trial)]
        for trial in replaceable[: len(live) - self.breeding.left_of(len(live))]:
            tune_controller.stop_trial(trial)
        lower, upper = self._quantiles()
        for trial in (*upper, *lower):
            self._checkpoint_or_exploit(trial, tune_controller, upper, lower)
        save(tune_controller, live)

    def _quantiles(self) -> tuple[list[Trial], list[Trial]]:
        """The worst members, which are to be replaced, and the best; the control is never replaced."""
        ranked = self._ranked()
        number = min(math.ceil(len(ranked) * self.breeding.quantile), len(ranked) // 2)
        best = [trial for trial in ranked[len(ranked) - number :] if math.isfinite(self._score(trial))]
        others = [trial for trial in ranked if trial not in best and not self._is_control(trial)]
        return others[:number] if best else [], best

    def _ranked(self) -> list[Trial]:
        """Those that have not ended, the worst first.

        Equals are told apart by their names, since the order of trials is another one in a run that is resumed.
        """
        live = [trial for trial in self._trial_state if not trial.is_finished()]
        return sorted(live, key=lambda trial: (self._score(trial), name_of(trial.config)))

    def _is_control(self, trial: Trial) -> bool:
        return name_of(trial.config) == self.breeding.control

    def _score(self, trial: Trial) -> float:
        score = self._trial_state[trial].last_score
        return -math.inf if score is None else score

    def _checkpoint_or_exploit(
        self, trial: Trial, tune_controller: Any, upper_quantile: list[Trial], lower_quantile: list[Trial]
    ) -> None:
        """Ray's draws a donor from Python's global generator."""
        step = self._trial_state[trial].last_train_time
        with _seeded(seed_of(self.breeding.seed, "donor", name_of(trial.config), step)):
            super()._checkpoint_or_exploit(trial, tune_controller, upper_quantile, lower_quantile)

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
        """The config of a replaced member, and what Ray would log of it."""
        step = self._trial_state[trial_to_clone].last_train_time
        return self.breeding.child(trial.config, trial_to_clone.config, step).plain(), {}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's global generator has this seed, and afterwards goes on as if nothing had been drawn."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _unused(config: dict[str, Any]) -> dict[str, Any]:
    """Ray's PBT wants a function; see `_get_new_config`."""
    return config
