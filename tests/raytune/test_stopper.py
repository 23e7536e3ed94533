import math
from collections.abc import Callable

import pytest

from tuner.config import Config
from tuner.raytune.stopper import Limits, StopEarly
from tuner.settings import plain

Report = Callable[[str, float], bool]


@pytest.fixture
def report(config: Config) -> Report:
    """Reports one evaluation of a variant, and says whether its trial ends; training waits for 3 evaluations."""
    StopEarly.begin(Limits(give_up=True, spared="base"))
    stopper = StopEarly()

    def report(name: str, rmse: float) -> bool:
        result = {
            "config": {"variant": {"name": name, "config": plain(config)}},
            "rmse": rmse,
            "rmse_se": 0.01,
            "step": 4,
        }
        return stopper(f"trial of {name}", result)

    return report


def test_a_trial_that_is_clearly_worse_than_another_ends(report: Report) -> None:
    report("good", 0.3)
    assert [report("bad", 0.5) for _ in range(6)] == [False] * 5 + [True]
    assert not any(report("good", 0.3) for _ in range(9))


def test_the_control_goes_on_however_bad_it_is(report: Report) -> None:
    report("good", 0.3)
    assert not any(report("base", 0.5) for _ in range(9))


def test_a_lone_trial_goes_on(report: Report) -> None:
    assert not any(report("bad", 0.5) for _ in range(9))


def test_a_trial_that_diverged_at_once_spares_nobody(report: Report) -> None:
    report("diverged", math.nan)
    report("good", 0.3)
    assert [report("bad", 0.5) for _ in range(6)][-1]


def test_nobody_is_given_up_unless_that_is_asked_for(report: Report) -> None:
    report("good", 0.3)
    StopEarly.limits = Limits(give_up=False)
    assert not any(report("bad", 0.5) for _ in range(9))


@pytest.mark.parametrize(("seconds", "ends"), [(None, False), (1000.0, False), (-1.0, True)])
def test_all_trials_end_when_time_is_up(seconds: float | None, ends: bool) -> None:
    StopEarly.begin(Limits(seconds=seconds))
    assert StopEarly().stop_all() is ends
