import pytest

from tuner.config import Config
from tuner.engine.calibration import Speed
from tuner.results.policy import Policy
from tuner.results.strategy import Strategy
from tuner.settings import replaced
from tuner.stages.workload import Durations, durations_of, later_stages, search_stages

SPEED = Speed(steps=20, seconds=2.0, evaluation_s=0.5)
TRIALS = [Durations(10, 20, 4), Durations(30, 60, 12), Durations(20, 40, 8), Durations(5, 10, 2)]


def test_a_trial_goes_on_to_its_last_step_and_is_evaluated_on_the_way(config: Config) -> None:
    found = durations_of(config, SPEED, 30)  # 8 steps at 10 a second and 4 evaluations, 3 folds
    assert found.search_s == pytest.approx(0.8 + 4 * 0.5)
    assert found.final_s == pytest.approx(2.8 / 3 * 5)
    assert found.network_s == pytest.approx(2.8 / 3 * 30 / 20)


def test_one_split_is_of_its_own_size_and_a_last_interval_may_be_short(config: Config) -> None:
    data = replaced(config.data, {"folds": 1, "eval_size": 6})
    found = durations_of(replaced(config, {"data": data}), SPEED, 30)
    assert found.network_s == pytest.approx(2.8 * 30 / 24)
    training = replaced(config.training, {"max_steps": 9})
    assert durations_of(replaced(config, {"training": training}), SPEED, 30).search_s == pytest.approx(0.9 + 5 * 0.5)


def test_a_listed_search_is_one_stage() -> None:
    assert search_stages(TRIALS, Strategy(), 100, 10) == ((10, 30, 20, 5),)
    random = Strategy(search="random", samples=9)  # the mutations file gave no more
    assert search_stages(TRIALS, random, 100, 10) == ((10, 30, 20, 5),)


def test_suggestions_that_are_not_known_are_as_long_as_the_longest() -> None:
    optuna = Strategy(search="optuna", samples=5, sampler="tpe")
    assert search_stages(TRIALS, optuna, 100, 10) == ((10, 30, 20, 5, 30, 30),)


def test_a_population_is_halved_until_those_that_go_on_are_left() -> None:
    pbt = Strategy(search="pbt", samples=11, population=4)
    found = search_stages([Durations(80, 1, 1)] * 12, pbt, 100, 30)
    assert [len(stage) for stage in found] == [12, 6, 4, 4]
    assert [stage[0] for stage in found] == pytest.approx([24, 24, 24, 8])


@pytest.mark.parametrize(("count", "number"), [("auto", 3), (0, 0), (2, 2), (9, 4)])
def test_the_longest_come_into_every_round_of_the_finals(count: int | str, number: int) -> None:
    policy = Policy(finalists=count, rounds=2)  # type: ignore[arg-type]  # one of the literals
    found = later_stages(TRIALS, policy, population=None, promoted=False)
    assert found == (tuple([60, 40, 20, 10][:number]),) * (2 if number else 0)


def test_the_bundle_is_of_as_many_networks_as_it_may_be() -> None:
    policy = Policy(finalists=4, rounds=1, seeds=5)
    assert later_stages(TRIALS, policy, population=None, promoted=True)[-1] == (12,) * 8
    alone = Policy(finalists=0, seeds=5)
    assert later_stages(TRIALS, alone, population=None, promoted=True) == ((12,) * 5,)


def test_of_a_population_only_those_that_go_on_are_counted() -> None:
    found = later_stages([Durations(1, 1, 1)] * 24, Policy(), population=8, promoted=False)
    assert [len(stage) for stage in found] == [5, 5]
