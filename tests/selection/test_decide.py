import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.errors import TunerError
from tuner.results.evidence import Evidence
from tuner.results.policy import Policy
from tuner.selection.decide import decide
from tuner.selection.measured import Measured
from tuner.settings import replaced

Make = Callable[..., Evidence]


@pytest.mark.parametrize(
    ("rule", "winner", "reason"),
    [
        ("best", "large", "it has the lowest RMSE of 3 candidates"),
        ("one_se", "small", "it is the simplest of the 2 within one standard error of the lowest RMSE, that of large"),
        ("significant", "large", "it has the lowest RMSE of 3 candidates, and beats the base config"),
    ],
)
def test_each_rule_has_its_winner(make_evidence: Make, rule: str, winner: str, reason: str) -> None:
    levels = {"base": 0.5, "large": 0.4, "small": 0.4001}
    evidence = make_evidence(levels, macs={"large": 90, "small": 9})
    evidence.search["small"].predictions[:, :, 20] += 0.02  # a difference, and no more than its standard error
    verdict = decide(evidence, Policy(rule=rule, ensemble="winner"))
    assert (verdict.winner.name, verdict.rule) == (winner, rule)
    assert verdict.reason.startswith(reason)
    assert verdict.promotion.members[0].variant == winner
    assert verdict.stage == "search"


def test_the_finals_decide_and_not_the_search(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.3, "b": 0.4, "c": 0.2}, finals={"base": 0.5, "a": 0.45, "b": 0.4})
    verdict = decide(evidence, Policy(rule="best"))
    assert (verdict.winner.name, verdict.stage, verdict.protocol) == ("b", "finals", "1 repeat of 5 folds")
    assert verdict.claim.rmse == pytest.approx(0.4, abs=0.01)
    assert [row.name for row in verdict.standings] == ["b", "a", "base", "c"]
    assert [row.status for row in verdict.standings] == ["finished", "dropped", "dropped", "finished"]


def test_who_ran_a_round_that_the_race_had_not_reached_is_scored_on_the_others_repeats(make_evidence: Make) -> None:
    levels = {"base": 0.4, "a": 0.4, "b": 0.4}
    verdict = decide(make_evidence(levels, finals=levels, rounds={"base": 2, "a": 2, "b": 1}), Policy())
    assert verdict.protocol == "1 repeat of 5 folds"
    assert len(verdict.standings) == 3


def test_a_finalist_that_failed_does_not_win_and_stops_nobody(make_evidence: Make) -> None:
    levels = {"base": 0.4, "a": 0.4, "b": 0.398, "c": 0.2}
    finals = {name: levels[name] for name in ("base", "a", "b")}
    evidence = make_evidence(levels, finals=finals, rounds={"b": 1}, failed={"b", "c"})
    verdict = decide(evidence, Policy(rule="best"))
    assert verdict.winner.name in ("base", "a")
    assert verdict.protocol == "2 repeats of 5 folds"
    rows = {row.name: row for row in verdict.standings}
    assert (rows["b"].stage, rows["b"].status, rows["b"].repeats) == ("finals", "failed", 1)
    assert {rows[name].error for name in ("b", "c")} == {"MemoryError: much"}
    assert (rows["c"].stage, rows["c"].p) == ("search", None)  # it failed in the first round


def test_the_first_entry_is_the_control_whatever_its_name(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.4})
    renamed = replace(
        evidence,
        entries=(replace(evidence.entries[0], name="plain"), evidence.entries[1]),
        records=(replace(evidence.records[0], variant="plain"), evidence.records[1]),
        search={"plain": evidence.search["base"], "a": evidence.search["a"]},
    )
    verdict = decide(renamed, Policy(rule="significant"))
    assert verdict.control is not None
    assert verdict.control.name == "plain"
    assert "beats the base config" in verdict.reason
    assert verdict.winner.difference is not None
    assert verdict.winner.difference.value == pytest.approx(-0.1, abs=0.01)
    assert verdict.is_better


def test_the_probability_is_high_for_the_better_and_not_given_for_the_control(make_evidence: Make) -> None:
    better = decide(make_evidence({"base": 0.5, "a": 0.4}), Policy(rule="best"))
    assert better.probability == 1.0
    assert better.comparison == "it is better than the base config"
    control = decide(make_evidence({"base": 0.4, "a": 0.5}), Policy(rule="best"))
    assert (control.winner.name, control.probability) == ("base", None)
    assert control.comparison == "it is the base config itself: no variant is a better choice"


def test_the_probability_of_equals_is_one_half(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.4, "a": 0.4}, macs={"a": 1})
    evidence.search["a"].predictions[...] = evidence.search["base"].predictions
    verdict = decide(evidence, Policy(rule="one_se"))
    assert (verdict.winner.name, verdict.probability) == ("a", 0.5)


@pytest.mark.parametrize("level", [0.4, 0.2])
def test_a_control_that_measured_nothing_is_compared_with_nothing(make_evidence: Make, level: float) -> None:
    verdict = decide(make_evidence({"base": level, "a": 0.3}, status={"base": "diverged"}), Policy())
    assert (verdict.winner.name, verdict.control, verdict.probability, verdict.winner.difference) == ("a", *[None] * 3)
    assert not verdict.is_better
    assert verdict.effects == ()


def test_the_baselines_are_rows_beside_the_variants(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4}
    evidence = make_evidence(levels, baselines={"mean predictor": 0.7, "ridge": 0.3})
    verdict = decide(evidence, Policy(rule="best"))
    assert [row.name for row in verdict.baselines] == ["mean predictor", "ridge"]
    assert [row.name for row in verdict.lost_to] == ["ridge"]
    assert {row.stage for row in verdict.baselines} == {"baseline"}


def test_curves_are_shown_of_both_stages(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4, "b": 0.3}
    evidence = make_evidence(levels, finals={"base": 0.5, "a": 0.4}, status={"b": "diverged"})
    found = [(curve.variant, curve.stage) for curve in decide(evidence, Policy()).curves]
    search = [("base", "search"), ("a", "search"), ("b", "search")]
    assert found == [*search, ("base", "finals"), ("a", "finals")]


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_where_no_trial_may_win_there_is_no_verdict(make_evidence: Make, status: str) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.4}, status={"base": status, "a": status})
    with pytest.raises(TunerError, match="no trial ended with a finite RMSE, so there is no best variant"):
        decide(evidence, Policy())
    with pytest.raises(TunerError, match="no trial ended with a finite RMSE, so there is no best variant"):
        decide(replace(make_evidence({"base": 0.5}), search={}), Policy())


def chains(make: Make, config: Config) -> Evidence:
    rates = {"base": 1e-4, "a": 2e-4, "b": 3e-4, "c": 4e-4, "a+b": 5e-4, "a+c": 6e-4, "b+c": 7e-4, "d": 8e-4}
    configs = {
        name: replaced(
            config, {"training": replaced(config.training, {"learning_rate": rate, "max_steps": 8 + index % 2})}
        )
        for index, (name, rate) in enumerate(rates.items())
    }
    return make({name: 0.3 + 200 * rate for name, rate in rates.items()}, configs=configs)


def test_settings_have_importances_where_chains_were_searched(make_evidence: Make, config: Config) -> None:
    verdict = decide(chains(make_evidence, config), Policy())
    assert list(verdict.importances) == ["training.learning_rate", "training.max_steps"]
    assert verdict.importances["training.learning_rate"] > 0.6
    assert [effect.parent for effect in verdict.effects] == ["base", "base", "base", "a", "a", "b", "base"]


def test_single_mutations_have_effects_and_no_importances(make_evidence: Make, config: Config) -> None:
    evidence = chains(make_evidence, config)
    single = tuple(replace(entry, mutations=entry.mutations[-1:]) for entry in evidence.entries)
    assert decide(replace(evidence, entries=single), Policy()).importances == {}


def test_a_bundle_is_told_how_its_networks_are_trained(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4}
    evidence = make_evidence(levels, finals=levels)
    promotion = decide(evidence, Policy(ensemble="winner", seeds=7)).promotion
    (member,) = promotion.members
    assert (member.variant, member.networks, member.step, promotion.networks) == ("a", 7, 6, 7)
    assert member.trained_images == len(evidence.responses) * 4 // 5
    assert member.config == evidence.entries[1].config
    assert promotion.expected.low < promotion.expected.rmse < promotion.expected.high


def test_a_bundles_networks_stop_where_their_mean_is_best(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5}, finals={"base": 0.5})
    curve, responses = evidence.finals["base"], np.nan_to_num(evidence.responses)
    own = np.random.default_rng(0).standard_normal(curve.predictions.shape[1:])
    for index, error in enumerate((0.5 + 0 * own, 5 + own, 5 + own, 0.6 * own)):
        curve.predictions[index] = responses + error
    verdict = decide(evidence, Policy(seeds=5))
    assert (verdict.winner.step, verdict.promotion.members[0].step) == (2, 8)


def test_several_networks_are_expected_to_be_no_worse_than_one(make_evidence: Make) -> None:
    levels = {"base": 0.1, "a": 0.1}
    evidence = make_evidence(levels, finals=levels)
    rng = np.random.default_rng(0)
    for curve in evidence.finals.values():
        curve.predictions[...] += 0.2 * rng.standard_normal(curve.predictions.shape[1:]).astype(np.float32)
    verdict = decide(evidence, Policy(rule="best", ensemble="winner", seeds=5))
    assert verdict.claim.rmse == pytest.approx(math.hypot(0.1, 0.2), rel=0.1)
    assert verdict.promotion.expected.rmse == pytest.approx(math.hypot(0.1, 0.2 / 5**0.5), rel=0.15)


def test_the_claim_is_not_the_lowest_of_many_equals(make_evidence: Make) -> None:
    names = ["base", *(f"v{index}" for index in range(15))]
    claims, winners = [], []
    for seed in range(6):
        evidence = make_evidence(dict.fromkeys(names, 0.0), seed=seed)
        rng = np.random.default_rng(seed)
        for curve in evidence.search.values():
            curve.predictions[...] += rng.standard_normal(curve.predictions.shape[1:]).astype(np.float32)
        verdict = decide(evidence, Policy(rule="best", ensemble="winner"))
        assert verdict.winner.rmse is not None
        claims.append(verdict.claim.rmse)
        winners.append(verdict.winner.rmse.value)
    assert np.mean(winners) < 0.93
    assert np.mean(claims) > np.mean(winners) + 0.03


def test_the_winners_predictions_and_metrics_are_shown(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4}
    evidence = make_evidence(levels, finals=levels)
    verdict = decide(evidence, Policy())
    found = Measured(evidence, 2).finals["a"]
    assert verdict.predicted == pytest.approx(found.predictions[:1].mean(axis=0), abs=1e-6)
    assert np.array_equal(verdict.measured, evidence.responses, equal_nan=True)
    assert verdict.neurons == ("left", "right")
    assert verdict.neuron_metrics["rmse"] == pytest.approx((0.4, 0.4), abs=0.01)
    assert (verdict.noise_rmse, decide(replace(evidence, noise_rmse=0.2), Policy()).noise_rmse) == (None, 0.2)


def test_the_same_evidence_gives_the_same_verdict(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.4, "b": 0.4})
    first, again = (decide(evidence, Policy()) for _ in range(2))
    assert (first.claim, first.promotion, first.probability) == (again.claim, again.promotion, again.probability)


@pytest.mark.parametrize(("level", "winner"), [(0.5, "a"), (0.3, "base")])
def test_a_control_that_only_the_finals_could_measure_counts_there(
    make_evidence: Make, level: float, winner: str
) -> None:
    levels = {"base": level, "a": 0.4, "b": 0.41}
    verdict = decide(make_evidence(levels, finals=levels, status={"base": "diverged"}), Policy())
    assert verdict.winner.name == winner
    assert verdict.control is not None
    assert verdict.control.rmse is not None
    assert verdict.control.rmse.value == pytest.approx(level, abs=0.01)
    assert verdict.is_better is (winner == "a")


def test_a_dropped_control_is_still_what_the_winner_is_compared_with(make_evidence: Make) -> None:
    levels = {"base": 0.9, "a": 0.4, "b": 0.41}
    evidence = make_evidence(levels, finals=levels)
    measured = Measured(evidence, 2)
    assert ("base" in measured.course.dropped, measured.compared) == (True, ("a", "base"))
    verdict = decide(evidence, Policy(rule="significant"))
    assert (verdict.winner.name, verdict.is_better) == ("a", True)
    assert "beats the base config" in verdict.reason
    assert all(member.variant != "base" for member in verdict.promotion.members)


def test_a_control_that_was_not_measured_with_the_winner_is_compared_with_nothing(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4, "b": 0.41}
    evidence = make_evidence(levels, finals={"a": 0.4, "b": 0.41}, failed=["base"])
    verdict = decide(evidence, Policy())
    assert (verdict.control, verdict.probability) == (None, None)
    assert verdict.comparison.startswith("the base config was not measured beside it")


def test_a_difference_that_all_images_share_is_sure_though_they_differ_by_much(make_evidence: Make) -> None:
    levels = {"base": 0.40, "a": 0.388}
    evidence = make_evidence(levels, finals=levels)
    hard = np.random.default_rng(0).uniform(0.2, 2, len(evidence.responses)).astype(np.float32)[:, None]
    for curve in evidence.finals.values():
        curve.predictions[...] = evidence.responses + hard * (curve.predictions - evidence.responses)
    verdict = decide(evidence, Policy(rule="best"))
    assert verdict.winner.difference is not None
    assert verdict.claim.high - verdict.claim.rmse > 3 * abs(verdict.winner.difference.value)
    assert verdict.probability is not None
    assert verdict.probability > 0.99


def test_settings_are_weighed_by_the_search_which_measured_all_in_one_way(make_evidence: Make, config: Config) -> None:
    """The finals are of other images here, on which all who got there look worse."""
    rates = [0.001 * (1 + index) for index in range(12)]
    names = ["base", *(f"a+v{index}" for index in range(1, 12))]
    configs = {
        name: replaced(
            config,
            {
                "training": replaced(config.training, {"learning_rate": rate, "max_steps": 8 + 2 * (index % 2)}),
            },
        )
        for index, (name, rate) in enumerate(zip(names, rates, strict=True))
    }
    search = {name: 0.3 + 10 * rate for name, rate in zip(names, rates, strict=True)}
    finals = dict.fromkeys(names[:6], 0.9)
    with_finals = decide(make_evidence(search, finals=finals, configs=configs), Policy())
    without = decide(make_evidence(search, configs=configs), Policy())
    assert with_finals.importances == without.importances
    assert without.importances["training.learning_rate"] > 0.9
    shown = {row.name: row.search_nested_rmse for row in with_finals.standings}
    assert shown == pytest.approx(search, abs=0.02)
