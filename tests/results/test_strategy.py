from typing import Any

import pytest

from tuner.errors import InputError
from tuner.results.strategy import GRID, Strategy


def bred(**settings: Any) -> Strategy:
    return Strategy("pbt", quantile=0.25, structural=0.5, **settings)


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        ({}, GRID),
        ({"search": "grid", "samples": None, "scheduler": "asha"}, Strategy(scheduler="asha")),
        ({"search": "random", "objective": "rmse"}, Strategy("random", samples=16)),
        ({"search": "optuna", "samples": 3}, Strategy("optuna", samples=3, sampler="tpe")),
        ({"search": "pbt"}, bred(samples=23, population=8)),
        ({"search": "pbt", "population": 4, "interval": 9, "samples": 2}, bred(samples=2, population=4, interval=9)),
        ({"search": "pbt", "population": 9_999}, bred(samples=10_000, population=9_999)),
        (
            {"search": "optuna", "objective": "rmse,macs"},
            Strategy("optuna", samples=16, sampler="nsga2", objective="rmse,macs"),
        ),
    ],
)
def test_what_is_not_given_is_as_the_search_has_it(options: dict[str, Any], strategy: Strategy) -> None:
    assert Strategy.of(options) == strategy


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"samples": 4}, "--samples does not belong to --search grid, which tries all variants; leave it out"),
        ({"search": "random", "sampler": "gp"}, "--sampler belongs to --search optuna, but got --search random"),
        ({"objective": "rmse,macs"}, "--objective rmse,macs belongs to --search optuna, but got --search grid"),
        ({"search": "optuna", "objective": "rmse,macs", "sampler": "cmaes"}, "--sampler cmaes knows one objective"),
        ({"search": "random", "samples": 10_001}, "--samples must be at most 10000, but got 10001"),
        ({"search": "pbt", "samples": 10_001}, "--samples must be at most 10000, but got 10001"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Strategy.of(options)
