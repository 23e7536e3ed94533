from dataclasses import replace
from typing import Any

from tuner.reporting.sentences import findings, headline, warning
from tuner.results.estimate import Estimate
from tuner.results.promotion import Interval, Promotion
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict

BASE = Standing("base", "finals", "finished", 4, Estimate(0.344, 0.0045, 9), neuron_rmse=(0.344,))
FAST = replace(
    BASE,
    name="fast",
    rmse=Estimate(0.34, 0.0045, 9),
    difference=Estimate(-0.004, 0.001, 9),
    p=0.02,
    search_rmse=0.331,
    mutations=("fast",),
)
RIDGE = Standing("ridge", "baseline", "finished", 4, Estimate(0.3435, 0.0045, 9))
MEAN = Standing("mean predictor", "baseline", "finished", 4, Estimate(0.3655, 0.0045, 9))


def verdict_of(sample: Any, winner: Standing, expected: float = 0.338, **changes: Any) -> Verdict:
    members = sample.verdict.promotion.members
    promotion = Promotion(members, Interval(expected, expected - 0.01, expected + 0.01), "it is the winner")
    found = {
        "winner": winner,
        "standings": (winner, BASE),
        "baselines": (RIDGE, MEAN),
        "promotion": promotion,
        **changes,
    }
    return replace(sample.verdict, **found)


def test_a_better_winner_is_said_to_be_better(sample: Any) -> None:
    verdict = verdict_of(sample, FAST)
    assert warning(verdict) == ""
    assert headline(verdict) == (
        "fast is the winner; it is better than the base config. The bundle, the mean of 5 networks, should have an "
        "RMSE of 0.3380 (95 % interval 0.3280 to 0.3480) on new images, in sqrt spike count."
    )
    assert (
        "Its difference to the base config (0.3440) is −0.0040 (95 % interval −0.0063 to −0.0017; p = 0.020, corrected "
        "for all variants tried); negative is better. What is chosen like this is better than the base config with "
        "probability 0.97."
    ) in findings(verdict)


def test_a_winner_that_could_be_luck_is_not_called_better(sample: Any) -> None:
    verdict = verdict_of(sample, replace(FAST, p=0.3))
    assert "it is not distinguishable from the base config" in headline(verdict)
    assert any("p = 0.30, corrected" in sentence for sentence in findings(verdict))


def test_the_base_config_is_not_compared_with_itself(sample: Any) -> None:
    verdict = verdict_of(sample, BASE, standings=(BASE,))
    assert "it is the base config itself: no variant is a better choice" in headline(verdict)
    assert not any(sentence.startswith("Its difference") for sentence in findings(verdict))


def test_what_the_search_believed_is_called_a_minimum(sample: Any) -> None:
    told = findings(verdict_of(sample, FAST))
    assert sum("The search had believed 0.3310 of it: the lowest of its curve" in sentence for sentence in told) == 1
    assert sum("too good to be true" in sentence for sentence in told) == 1
    higher = findings(verdict_of(sample, replace(FAST, search_rmse=0.4)))
    assert sum("The search had believed 0.4000 of it: the lowest of its curve." in sentence for sentence in higher) == 1
    assert not any("believed" in sentence for sentence in findings(verdict_of(sample, replace(FAST, search_rmse=None))))


def test_a_bundle_that_loses_to_a_baseline_is_warned_of(sample: Any) -> None:
    assert warning(verdict_of(sample, FAST, 0.35)) == (
        "The bundle loses to ridge: the mean of 5 networks should have an RMSE of 0.3500, ridge has 0.3435 on the same "
        "folds."
    )


def test_a_bundle_no_better_than_the_mean_predictor_is_not_to_be_used(sample: Any) -> None:
    said = warning(verdict_of(sample, FAST, 0.3655))
    assert said.startswith("The bundle loses to ridge and mean predictor:")
    assert said.endswith("do not use it.")
    assert not warning(verdict_of(sample, FAST, 0.36)).endswith("do not use it.")


def test_a_search_without_finals_says_so(sample: Any) -> None:
    said = "There were no finals: all numbers are those of the search itself."
    assert said in findings(verdict_of(sample, FAST, stage="search"))
    assert said not in findings(verdict_of(sample, FAST))


SCHEDULE = replace(
    FAST, name="member-6", step=40, mutations=("wide", "slow", "flip"), begins=(0, 8, 16), search_rmse=None
)


def test_a_winner_whose_config_changes_is_called_a_schedule(sample: Any, bred: Any) -> None:
    verdict = verdict_of(sample, SCHEDULE, evolution=bred.verdict.evolution)
    assert headline(verdict).startswith("member-6, a schedule of 3 configs, is the winner; it is better than")
    assert (
        "member-6 changes its config while it is trained: the base config with wide then slow from step 8 then flip "
        "from step 16. The bundle's networks go through the same configs."
    ) in findings(verdict)


def test_a_member_that_was_never_replaced_is_one_config(sample: Any, bred: Any) -> None:
    verdict = verdict_of(sample, replace(SCHEDULE, mutations=("wide",), begins=()), evolution=bred.verdict.evolution)
    assert headline(verdict).startswith("member-6 is the winner;")
    assert "member-6 has one config from the first step to its last: the base config with wide." in findings(verdict)
    assert not any("from the first step" in sentence for sentence in findings(verdict_of(sample, FAST)))


def test_a_config_that_comes_after_the_chosen_step_is_not_counted() -> None:
    counts = [replace(SCHEDULE, step=step).num_configs for step in (8, 9, 16, 17, None)]
    assert counts == [1, 2, 2, 3, 3]
    assert replace(SCHEDULE, begins=(0, 8, 8)).num_configs == 2
