"""Ray Tune's population-based training, whose members change by the mutations file and inherit weights."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from tuner.raytune.assignment import name_of
from tuner.raytune.breeding import Breeding
from tuner.results.record import FITNESS
from tuner.seeding import seed_of

KEPT = ("last_score", "last_train_time", "last_perturbation_time", "last_result")
"""Of what Ray's scheduler knows of a trial, what it needs of the past."""


class Population(PopulationBasedTraining):
    """Population-based training (Jaderberg et al. 2017), all members in step.

    At the end of each interval the worst members go on from checkpoints of the best: with their config, changed by one
    mutation, and what their networks have learned. All are compared at the same step, so that which one runs faster
    changes nothing. The search ends once no member has become better for a while.

    Args:
        breeding: How members are replaced.
    """

    def __init__(self, breeding: Breeding) -> None:
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
        self.breeding = breeding
        self._lowest, self._lowest_at = float("inf"), 0
        self._remembered: dict[str, dict[str, Any]] = {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ray's hook: a trial is new, or was restored. One that was waiting for the others waits again."""
        super().on_trial_add(tune_controller, trial)
        remembered = self._remembered.get(name_of(trial.config))
        if remembered is None or trial.is_finished():
            return
        state = self._trial_state[trial]
        vars(state).update(remembered)
        reached = _step_of(trial)
        if reached < state.last_train_time:  # a crash came before its checkpoint
            state.last_train_time = reached
        elif state.last_train_time >= self._next_perturbation_sync:
            trial.set_status(Trial.PAUSED)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Ray's hook: whether the trial goes on, waits for the others, or is replaced."""
        if result[FITNESS] < self._lowest:
            self._lowest, self._lowest_at = result[FITNESS], result["step"]
        before = self._next_perturbation_sync
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if self._next_perturbation_sync > before and before - self._lowest_at >= self.breeding.patience:
            return self._end(tune_controller, trial)
        return decision

    def state(self) -> dict[str, Any]:
        """What `remember` goes on from; the donors' checkpoints are only needed while members are replaced."""
        known = {name_of(trial.config): vars(state) for trial, state in self._trial_state.items()}
        return {
            "trials": {trial: {name: state[name] for name in KEPT} for trial, state in known.items()},
            "_next_perturbation_sync": self._next_perturbation_sync,
            "_lowest": self._lowest,
            "_lowest_at": self._lowest_at,
            "_num_perturbations": self._num_perturbations,
        }

    def remember(self, state: dict[str, Any]) -> None:
        """Trials that are added from now on are those of the state."""
        self._remembered = state.pop("trials")
        vars(self).update(state)

    def _quantiles(self) -> tuple[list[Trial], list[Trial]]:
        """The worst members, which are to be replaced, and the best; the control is never replaced."""
        lower, upper = super()._quantiles()
        return [trial for trial in lower if name_of(trial.config) != self.breeding.control], upper

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

    def _end(self, tune_controller: Any, last: Trial) -> str:
        for trial in tune_controller.get_trials():
            if trial is not last and not trial.is_finished():
                tune_controller.stop_trial(trial)
        return TrialScheduler.STOP


class Memory(tune.Callback):
    """Carries the population's state from one process to the next.

    Ray saves the states of its callbacks together with those of the trials, so that both are of the same moment; of a
    scheduler it saves only how it was made. It restores its callbacks before it adds the trials to the scheduler.

    Args:
        population: Pickled in one with this callback by Ray, so they belong together again afterwards.
    """

    def __init__(self, population: Population) -> None:
        self._population = population

    def get_state(self) -> dict[str, Any]:
        """Ray's hook: what is saved."""
        return self._population.state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Ray's hook: what was saved."""
        self._population.remember(state)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's global generator has this seed, and afterwards goes on as if nothing had been drawn."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _step_of(trial: Trial) -> int:
    """Training steps of the trial's last checkpoint."""
    manager = trial.run_metadata.checkpoint_manager
    saved = None if manager is None else manager.latest_checkpoint_result
    return 0 if saved is None else int(saved.metrics.get("step", 0))


def _unused(config: dict[str, Any]) -> dict[str, Any]:
    """Ray's PBT wants a function; see `_get_new_config`."""
    return config
