"""Ray's scheduler without Ray: trials that are not run, and a controller that writes down what it is asked for."""

import json
import math
import pickle
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.train._internal.session import _TrainingResult
from ray.tune import Checkpoint, PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from tuner.config import Config
from tuner.lineage import Lineage, single
from tuner.raytune.assignment import Assignment, name_of
from tuner.raytune.search.breeding import Breeding
from tuner.raytune.search.members import Members, Memory
from tuner.raytune.search.population import Population

NAMES = ("base", "a", "b", "c", "d")


class Cache:
    """Ray's of actors."""

    def __init__(self) -> None:
        self.kept = 0

    def increase_max(self, key: object) -> None:
        self.kept += 1


class Controller:
    """What a population asks of Ray's."""

    search_alg = None

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.saved: dict[str, tuple[dict[str, Any], Any]] = {}
        self._marked: set[str] = set()
        self._actor_cache = Cache()

    @property
    def _tune_controller(self) -> "Controller":
        return self

    def get_trials(self) -> list[Trial]:
        return self.trials

    def stop_trial(self, trial: Trial) -> None:
        trial.set_status(Trial.TERMINATED)

    def _mark_trial_to_checkpoint(self, trial: Trial) -> None:
        self._marked.add(name_of(trial.config))

    def checkpoint(self, *, force: bool, wait: bool) -> None:
        assert force
        assert wait
        for trial in self.trials:
            if name_of(trial.config) in self._marked:
                state, metadata = trial.get_json_state()
                restored = type(trial.run_metadata).from_json_state(metadata).checkpoint_manager
                self.saved[name_of(trial.config)] = json.loads(state), restored.latest_checkpoint_result
        self._marked.clear()


@pytest.fixture
def breeding(config: Config) -> Breeding:
    return Breeding((), 4, 0.25, 0.5, 8, "base", (config,), 20, seed=3)


def trial_of(name: str, lineage: Lineage) -> Trial:
    told = Assignment(name, 1, lineage, fitness_seed=5)
    return Trial("x", config=told.plain(), stub=True, placement_group_factory=PlacementGroupFactory([{"CPU": 1}]))


def evaluate(population: Population, controller: Controller, trial: Trial, step: int, fitness: float) -> str:
    """The trial has this result, and a checkpoint; what becomes of it."""
    result = {"step": step, "fitness": fitness, "training_iteration": step // 2}
    decision = population.on_trial_result(controller, trial, result)
    found = _TrainingResult(Checkpoint(f"/nowhere/{name_of(trial.config)}/checkpoint_{step}"), result)
    trial.run_metadata.checkpoint_manager.register_checkpoint(found)
    if decision == TrialScheduler.PAUSE:
        trial.set_status(Trial.PAUSED)
    return decision


def gathered(breeding: Breeding, config: Config, **settings: Any) -> tuple[Population, Controller]:
    population, controller = Population(breeding, **settings), Controller()
    for name in NAMES:
        add(population, controller, trial_of(name, single(config)))
    return population, controller


def add(population: Population, controller: Controller, trial: Trial) -> None:
    controller.trials.append(trial)
    population.on_trial_add(controller, trial)


def round_of(population: Population, controller: Controller, step: int, *fitnesses: float) -> None:
    """All live members come to this step, and the next one is chosen."""
    live = [trial for trial in controller.trials if not trial.is_finished()]
    for trial, fitness in zip(live, fitnesses, strict=True):
        evaluate(population, controller, trial, step, fitness)
        trial.get_json_state()  # as it is in Ray's snapshot of this moment
    population.choose_trial_to_run(controller)


def donors(controller: Controller) -> dict[str, tuple[int, str]]:
    last = [(name_of(trial.config), Assignment.of(trial.config).lineage[-1]) for trial in controller.trials]
    return {name: (phase.step, phase.donor) for name, phase in last if phase.donor}


def test_members_wait_until_all_have_come_to_the_interval(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    assert {trial.status for trial in controller.trials} == {Trial.PAUSED}
    *others, last = controller.trials
    for trial in others:
        trial.set_status(Trial.RUNNING)
        assert evaluate(population, controller, trial, 2, 1.0) == TrialScheduler.CONTINUE
        assert evaluate(population, controller, trial, 4, 1.0) == TrialScheduler.PAUSE
        assert population.choose_trial_to_run(controller) is not trial
    assert donors(controller) == {}
    assert evaluate(population, controller, last, 4, 2.0) == TrialScheduler.PAUSE
    assert population.choose_trial_to_run(controller) is controller.trials[0]
    assert sorted(donors(controller)) == ["a", "d"]


def test_the_worst_go_on_from_the_best_and_rays_snapshot_has_them_at_once(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    round_of(population, controller, 4, 0.9, 0.5, 0.1, 0.7, 0.2)
    assert sorted(donors(controller)) == ["a", "c"]  # the control is worse, and stays
    assert {donor for _, donor in donors(controller).values()} <= {"b", "d"}
    saved = {name: len(Assignment.of(state["config"]).lineage) for name, (state, _) in controller.saved.items()}
    assert saved == {"base": 1, "a": 2, "b": 1, "c": 2, "d": 1}
    latest = {name: saved.checkpoint.path for name, (_, saved) in controller.saved.items()}
    assert {name: Path(latest[name]).parent.name for name in ("a", "c")} == {
        name: donor for name, (_, donor) in donors(controller).items()
    }


def test_the_worse_half_ends_until_as_many_are_left_as_go_on(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(replace(breeding, size=2), config)
    round_of(population, controller, 4, 0.9, 0.5, 0.1, 0.7, 0.2)
    ended = {name_of(trial.config) for trial in controller.trials if trial.is_finished()}
    assert ended == {"a", "c"}  # the control is worse than any, and stays
    assert donors(controller) == {"d": (4, "b")}
    assert {name for name, (state, _) in controller.saved.items() if state["status"] == Trial.TERMINATED} == ended
    round_of(population, controller, 8, 0.9, 0.2, 0.1)
    assert {name_of(trial.config) for trial in controller.trials if not trial.is_finished()} == {"base", "d"}
    round_of(population, controller, 12, 0.9, 0.05)
    assert {name_of(trial.config) for trial in controller.trials if not trial.is_finished()} == {"base", "d"}


def test_a_member_that_diverged_is_the_worst_and_never_a_donor(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    round_of(population, controller, 4, 0.9, math.inf, 0.1, math.inf, math.inf)
    assert sorted(donors(controller)) == ["a", "c"]  # by their names, where equal
    assert {donor for _, donor in donors(controller).values()} <= {"b", "base"}
    population, controller = gathered(breeding, config)
    round_of(population, controller, 4, *[math.inf] * 5)
    assert donors(controller) == {}


@pytest.mark.parametrize("status", [Trial.TERMINATED, Trial.ERROR])
def test_who_has_ended_is_not_waited_for_and_has_no_part(breeding: Breeding, config: Config, status: str) -> None:
    population, controller = gathered(breeding, config)
    for trial in controller.trials[:4]:
        evaluate(population, controller, trial, 4, 0.1 if name_of(trial.config) == "a" else 0.5)
    assert donors(controller) == {}
    controller.trials[4].set_status(status)
    population.choose_trial_to_run(controller)
    assert {donor for _, donor in donors(controller).values()} == {"a"}
    assert len(donors(controller)) == 1
    assert not population.over
    for trial in controller.trials:
        trial.set_status(status)
    assert population.over


def test_no_more_trials_run_at_a_time_than_were_asked_for(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config, at_a_time=2)
    for _ in range(2):
        chosen = population.choose_trial_to_run(controller)
        assert chosen is not None
        chosen.set_status(Trial.RUNNING)
        population._trial_state[chosen].last_train_time = 2
    assert population.choose_trial_to_run(controller) is None
    controller.trials[0].set_status(Trial.PAUSED)
    assert population.choose_trial_to_run(controller) is controller.trials[2]
    assert controller._actor_cache.kept == 5


def test_the_search_ends_once_no_member_has_become_better_for_long_enough(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    for step, best in ((4, 0.5), (8, 0.4), (12, 0.6)):
        round_of(population, controller, step, 0.9, best, 0.8, 0.7, math.inf)
        assert not population.over
    before = donors(controller)
    round_of(population, controller, 16, 0.9, 0.4, 0.8, 0.7, math.inf)
    assert population.over
    assert donors(controller) == before


def test_a_donor_follows_from_the_seed_and_pythons_generator_goes_on_as_before(
    breeding: Breeding, config: Config
) -> None:
    found = []
    for number in (1, 2):
        random.seed(number)
        state = random.getstate()
        population, controller = gathered(breeding, config)
        for step in range(4, 40, 4):
            round_of(population, controller, step, *(1 + place / 10 - step / 100 for place in (9, 5, 1, 7, 2)))
        assert random.getstate() == state
        found.append([Assignment.of(trial.config).lineage for trial in controller.trials])
    assert found[0] == found[1]


def restored(population: Population, controller: Controller, order: tuple[int, ...]) -> tuple[Population, Controller]:
    """As Ray does it in another process: the scheduler as it was made, a callback's state, trials in some order."""
    memory = Memory(population)
    state = memory.get_state()
    again, anew = Population(population.breeding), Controller()
    Memory(again).set_state(pickle.loads(pickle.dumps(state)))
    for place in order:
        trial = controller.trials[place]
        if not trial.is_finished():
            trial.set_status(Trial.PENDING)
        add(again, anew, trial)
    return again, anew


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (3, 1, 4, 0, 2)])
def test_a_resumed_population_goes_on_as_one_that_was_not_interrupted(
    breeding: Breeding, config: Config, order: tuple[int, ...]
) -> None:
    found = []
    for interrupted in (False, True):
        population, controller = gathered(breeding, config)
        trials = tuple(controller.trials)
        round_of(population, controller, 4, 0.9, 0.5, 0.1, 0.7, 0.2)
        for trial in trials[:2]:
            evaluate(population, controller, trial, 8, 0.3)
        if interrupted:
            population, controller = restored(population, controller, order)
            assert {trial.status for trial in controller.trials} == {Trial.PAUSED}
            assert population.choose_trial_to_run(controller) in trials[2:]
        for trial in trials[2:]:
            evaluate(population, controller, trial, 8, math.inf)
        population.choose_trial_to_run(controller)
        found.append((donors(controller), population._next_perturbation_sync, population.lowest, population.lowest_at))
    assert found[0] == found[1]
    assert found[0][1:] == (12, 0.1, 4)


def test_a_comparison_that_was_made_is_not_made_again(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    round_of(population, controller, 4, 0.9, 0.5, 0.1, 0.7, 0.2)
    before = [Assignment.of(trial.config).lineage for trial in controller.trials]
    again, anew = restored(population, controller, (0, 1, 2, 3, 4))
    again.choose_trial_to_run(anew)
    assert [Assignment.of(trial.config).lineage for trial in controller.trials] == before


def test_a_member_that_is_tried_again_goes_on_from_its_checkpoint(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    round_of(population, controller, 4, 0.9, 0.5, 0.1, 0.7, 0.2)
    trial = controller.trials[0]
    population.on_trial_result(controller, trial, {"step": 6, "fitness": 0.05})
    trial.set_status(Trial.PENDING)
    population.on_trial_add(controller, trial)
    assert trial.status == Trial.PENDING
    state = population._trial_state[trial]
    assert (state.last_train_time, state.last_score) == (4, -0.9)
    assert population._next_perturbation_sync == 8


def test_there_are_trials_to_come_until_all_have_ended(breeding: Breeding, config: Config) -> None:
    population, controller = gathered(breeding, config)
    members = Members(population)
    members.set_finished()
    assert not members.is_finished()
    assert "_population" not in members.get_state()
    for trial in controller.trials:
        trial.set_status(Trial.TERMINATED)
    assert members.is_finished()
