import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.lineage import single
from tuner.results.estimate import Estimate
from tuner.results.facts import facts
from tuner.results.promotion import Interval, Member, Promotion
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict


@pytest.fixture
def verdict(config: Config) -> Verdict:
    """`a` is better than the base config, `b` measured nothing."""
    base = Standing("base", "finals", "finished", 2, Estimate(0.40, 0.01, 9.0), search_rmse=0.38)
    a = Standing(
        *("a", "finals", "finished", 2, Estimate(0.35, 0.01, 9.0), Estimate(-0.05, 0.01, 9.0), 0.002),
        search_rmse=0.33,
        mutations=("a",),
    )
    nothing = np.full((3, 2), np.nan)
    return Verdict(
        winner=a,
        rule="best",
        reason="it has the lowest RMSE of 2 candidates",
        claim=Interval(0.36, 0.34, 0.38),
        probability=0.98,
        standings=(a, base, Standing("b", "search", "failed", 0, None, mutations=("b",), error="MemoryError")),
        baselines=(
            Standing("mean predictor", "baseline", "finished", 2, Estimate(0.5, 0.01, 9.0)),
            Standing("extra trees", "baseline", "finished", 2, Estimate(0.34, 0.01, 9.0)),
            Standing("ridge", "baseline", "finished", 2, Estimate(0.33, 0.01, 9.0)),
        ),
        effects=(),
        importances={},
        promotion=Promotion(
            (Member("a", single(config), 40, 24, 3), Member("base", single(config), 60, 24, 3)),
            Interval(0.345, 0.33, 0.36),
            "they are",
        ),
        curves=(),
        neurons=("one", "two"),
        neuron_metrics={},
        predicted=nothing,
        measured=nothing.astype(np.float32),
        noise_rmse=None,
        stage="finals",
        protocol="2 repeats of 5 folds",
    )


def as_json(verdict: Verdict) -> dict[str, object]:
    found = json.loads(json.dumps(facts(verdict), allow_nan=False))
    assert isinstance(found, dict)
    return found


def test_the_facts_are_those_of_the_verdict_and_survive_json(verdict: Verdict) -> None:
    found = as_json(verdict)
    difference = verdict.winner.difference
    assert difference is not None
    assert found == {
        "rmse": 0.345,
        "rmse_interval": [0.33, 0.36],
        "network_rmse": 0.36,
        "network_rmse_interval": [0.34, 0.38],
        "variant": "a",
        "rule": "best",
        "reason": "it has the lowest RMSE of 2 candidates",
        "stage": "finals",
        "protocol": "2 repeats of 5 folds",
        "search_rmse_lowest_of_curve": 0.33,
        "num_variants": 2,
        "better_than_base": True,
        "comparison": "it is better than the base config",
        "base_network_rmse": 0.40,
        "difference_to_base": -0.05,
        "difference_to_base_interval": list(difference.interval),
        "difference_to_base_p_corrected": 0.002,
        "probability_better_than_base": 0.98,
        "baselines": {"mean predictor": 0.5, "extra trees": 0.34, "ridge": 0.33},
        "loses_to": ["ridge", "extra trees"],
        "noise_rmse": None,
        "num_networks": 6,
        "members": [{"variant": "a", "networks": 3, "step": 40}, {"variant": "base", "networks": 3, "step": 60}],
        "members_reason": "they are",
    }


def test_the_control_as_the_winner_has_no_difference(verdict: Verdict) -> None:
    found = as_json(replace(verdict, winner=verdict.standings[1], probability=None))
    names = [key for key in found if key.startswith("difference_to_base")]
    assert [found[key] for key in (*names, "probability_better_than_base")] == [None] * 4
    assert found["better_than_base"] is False
    assert found["base_network_rmse"] == 0.40


def test_without_a_control_nothing_is_compared(verdict: Verdict) -> None:
    alone = replace(verdict.winner, difference=None, p=None)
    found = as_json(replace(verdict, winner=alone, standings=(alone,), baselines=(), probability=None))
    assert (found["base_network_rmse"], found["better_than_base"], found["num_variants"]) == (None, False, 1)
    assert (found["baselines"], found["loses_to"]) == ({}, [])


def test_a_number_that_nothing_tells_is_null(verdict: Verdict) -> None:
    unknown = Estimate(math.nan, math.nan, 1.0)
    row = replace(verdict.winner, difference=unknown, p=1.0)
    ridge = replace(verdict.baselines[2], rmse=unknown)
    found = as_json(
        replace(verdict, winner=row, baselines=(ridge,), claim=Interval(0.36, math.nan, math.nan), noise_rmse=math.nan)
    )
    assert found["difference_to_base"] is None
    assert found["difference_to_base_interval"] == [None, None]
    assert found["network_rmse_interval"] == [None, None]
    assert found["baselines"] == {"ridge": None}
    assert (found["network_rmse"], found["noise_rmse"]) == (0.36, None)
