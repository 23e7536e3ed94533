import math
from pathlib import Path

import pytest
from ray.tune import Stopper

from tuner.config import Config
from tuner.lineage import single
from tuner.raytune import stopper
from tuner.raytune.assignment import Assignment
from tuner.raytune.stopper import Limits, StopEarly

ROOT = Path(__file__).parents[2]
PATIENCE = 3
HOPELESS, GOOD = [0.9] * 10, [0.3] * 10


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(stopper, "time", made)
    return made


@pytest.fixture
def config(config: Config) -> Config:
    assert (config.training.early_stopping_evals, config.training.eval_steps) == (PATIENCE, 2)
    return config.model_copy(update={"training": config.training.model_copy(update={"max_steps": 40})})


def told(stop: Stopper, config: Config, name: str, curve: list[float], se: float = 0.01) -> list[bool]:
    """What Ray hears of each evaluation of a trial."""
    told_of = Assignment(name, 0, single(config)).plain()
    return [
        stop(name, {"config": told_of, "step": 2 * (number + 1), "rmse": rmse, "rmse_se": se})
        for number, rmse in enumerate(curve)
    ]


def test_a_hopeless_trial_ends_as_soon_as_its_curve_is_long_enough(config: Config) -> None:
    stop = StopEarly(Limits(give_up=True, spared="base"))
    assert not any(told(stop, config, "base", GOOD))
    assert told(stop, config, "bad", HOPELESS).index(True) == 2 * PATIENCE - 1


def test_only_the_controls_curve_ends_others(config: Config) -> None:
    stop = StopEarly(Limits(give_up=True, spared="base"))
    told(stop, config, "good", GOOD)
    assert not any(told(stop, config, "bad", HOPELESS))
    assert not any(told(stop, config, "base", HOPELESS))


@pytest.mark.parametrize(
    ("curve", "se"),
    [([0.31] * 10, 0.01), (HOPELESS, 0.3), ([0.9 - 0.04 * number for number in range(10)], 0.01)],
    ids=["hardly worse", "not sure", "fast enough to catch up"],
)
def test_a_trial_that_may_still_win_goes_on(config: Config, curve: list[float], se: float) -> None:
    stop = StopEarly(Limits(give_up=True, spared="base"))
    told(stop, config, "base", GOOD)
    assert not any(told(stop, config, "other", curve, se))


def test_a_curve_is_not_held_against_itself(config: Config) -> None:
    stop = StopEarly(Limits(give_up=True, spared="base"))
    assert not any(told(stop, config, "alone", [0.1, *HOPELESS]))


def test_nobody_ends_early_where_nobody_is_to_give_up(config: Config) -> None:
    stop = StopEarly(Limits(give_up=False, spared="base"))
    told(stop, config, "base", GOOD)
    assert not any(told(stop, config, "bad", HOPELESS))


def test_a_control_that_diverged_ends_nobody_by_that(config: Config) -> None:
    stop = StopEarly(Limits(give_up=True, spared="base"))
    told(stop, config, "base", [math.nan])
    assert not any(told(stop, config, "bad", HOPELESS))
    told(stop, config, "base", [math.nan, *GOOD])
    assert told(stop, config, "bad", HOPELESS)[-1]


def test_a_resumed_trial_is_judged_by_its_whole_curve(config: Config) -> None:
    before = {"base": {2: 0.3}, "bad": dict.fromkeys(range(2, 4 * PATIENCE, 2), 0.9)}
    stop = StopEarly(Limits(give_up=True, spared="base"), curves=before)
    again = {"config": Assignment("bad", 0, single(config)).plain(), "step": 4 * PATIENCE, "rmse": 0.9, "rmse_se": 0.01}
    assert not stop("bad", {**again, "step": 4 * PATIENCE - 2})
    assert stop("bad", again)


def test_all_end_once_the_time_has_passed_and_not_before(clock: Clock) -> None:
    stop = StopEarly(Limits(seconds=60))
    clock.now += 60
    assert not stop.stop_all()
    clock.now += 0.1
    assert stop.stop_all()


def test_that_time_is_up_is_told_once_and_before_anybody_ends(clock: Clock) -> None:
    told: list[str] = []
    stop = StopEarly(Limits(seconds=60), told.append)
    assert not stop.stop_all()
    assert told == []
    clock.now += 61
    assert [stop.stop_all() for _ in range(3)] == [True] * 3
    assert told == ["time was up"]


def test_without_a_time_limit_nobody_ends(clock: Clock) -> None:
    stop = StopEarly(Limits())
    clock.now += 1e9
    assert not stop.stop_all()


def test_the_time_counts_from_where_the_limits_began(clock: Clock) -> None:
    stop = StopEarly(Limits(seconds=60))
    clock.now += 61
    assert stop.stop_all()
    assert not StopEarly(Limits(seconds=60)).stop_all()


def test_all_trials_end_once_it_is_over(clock: Clock) -> None:
    over, calls = [False], list[str]()
    stop = StopEarly(Limits(money_spent=lambda: over[0]), calls.append)
    clock.now += 1e6
    assert not stop.stop_all()
    over[0] = True
    assert stop.stop_all()
    over[0] = False  # a node has gone, but trials have been told
    assert stop.stop_all()
    assert calls == ["the money was spent"]
