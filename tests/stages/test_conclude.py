import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.errors import TunerError
from tuner.promotion.retrain import in_turn
from tuner.results.evidence import read_evidence
from tuner.results.facts import facts
from tuner.results.files import BUNDLE, BUNDLE_FILES
from tuner.stages.budget import Budget
from tuner.stages.conclude import conclude, here, measure_baselines, tell, verdict_of
from tuner.stages.design import Design
from tuner.stages.finals import finals
from tuner.stages.search import search

NAMES = ["mean predictor", "ridge", "extra trees"]


class Errands:
    """Remembers what it is asked to call; instead of the baselines, which take seconds, it gives zeros."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.asked.append((function.__name__, args, kwargs))
        if function.__name__ != "_baselines":
            return None
        dataset, splits = args
        return dict.fromkeys(NAMES, np.zeros((1 + splits[-1].repeat, *dataset.responses.shape), np.float32))

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]


def measure(design: Design) -> int:
    """How often the baselines were measured."""
    errands = Errands()
    measure_baselines(design.experiment, design.dataset, design.policy, errands)
    return len(errands.names)


def test_baselines_are_measured_once_for_the_same_folds_and_again_for_others(searched: Design, trials: Any) -> None:
    assert measure(searched) == 1
    evidence = read_evidence(searched.experiment)
    np.testing.assert_array_equal(evidence.baseline_folds, evidence.search["base"].folds)
    assert measure(searched) == 0
    finals(searched, trials.run, Budget(None), lambda line: None)
    assert measure(searched) == 1
    evidence = read_evidence(searched.experiment)
    np.testing.assert_array_equal(evidence.baseline_folds, evidence.finals["base"].folds)
    assert measure(searched) == 0


def test_baselines_predict_images_by_others_alone(searched: Design) -> None:
    measure_baselines(searched.experiment, searched.dataset, searched.policy, here)
    evidence = read_evidence(searched.experiment)
    assert list(evidence.baselines) == NAMES
    mean = evidence.baselines["mean predictor"]
    assert mean.shape == (1, *searched.dataset.responses.shape)
    fold = evidence.baseline_folds[0] == 0
    expected = np.nanmean(searched.dataset.responses[~fold], axis=0)
    np.testing.assert_allclose(mean[0, fold], np.broadcast_to(expected, mean[0, fold].shape), rtol=1e-6)


def test_baselines_of_a_race_that_was_cut_short_have_the_rounds_that_count(searched: Design, trials: Any) -> None:
    trials.stopped["round-2"] = {"good"}
    finals(searched, trials.run, Budget(None), lambda line: None)
    measure(searched)
    assert read_evidence(searched.experiment).baseline_folds.shape[0] == 1


def test_a_verdict_is_written_and_said(searched: Design, capsys: pytest.CaptureFixture[str]) -> None:
    tell(searched.experiment, verdict_of(searched.experiment, searched.policy))
    folder = searched.experiment.folder
    rows = list(csv.DictReader(folder.read("leaderboard.csv").splitlines()))
    assert [row["variant"] for row in rows][-1] == "bad"
    told = json.loads(folder.read("verdict.json"))
    assert (told["variant"], told["rule"], told["stage"]) == (rows[0]["variant"], "one_se", "search")
    assert "<h1>" in folder.read("report.html")
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"winner: {rows[0]['variant']}, since ") for line in said)
    assert f"report:      {folder.uri}/report.html" in said
    assert not any(line.startswith("bundle: ") for line in said)


def test_a_conclusion_without_a_bundle_trains_nothing(searched: Design, capsys: pytest.CaptureFixture[str]) -> None:
    errands = Errands()
    conclude(searched.experiment, searched.dataset, searched.policy, seed=1, promoted=False, do=errands, each=in_turn)
    assert errands.names == ["_baselines"]
    assert not searched.experiment.folder.exists(BUNDLE)
    told = json.loads(searched.experiment.folder.read("verdict.json"))
    assert list(told["baselines"]) == NAMES


def test_the_promotion_has_a_seed_of_its_own(searched: Design) -> None:
    seeds = set()

    def each(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        seeds.add(function.keywords["seed"])  # type: ignore[attr-defined]
        return in_turn(function, calls)

    for seed in (1, 2):
        errands = Errands()
        experiment, dataset = searched.experiment, searched.dataset
        conclude(experiment, dataset, searched.policy, seed=seed, promoted=True, do=errands, each=each)
        (name, (verdict, ensemble, given, folder), _) = errands.asked[-1]
        assert (name, given, folder) == ("promote", dataset, experiment.folder)
        assert len(ensemble.nets) == verdict.promotion.networks >= searched.policy.seeds
    assert len(seeds | {1, 2}) == 4


def test_a_bundle_is_announced_and_told_of(searched: Design, capsys: pytest.CaptureFixture[str]) -> None:
    folder, verdict = searched.experiment.folder, verdict_of(searched.experiment, searched.policy)
    for name in BUNDLE_FILES:
        folder.write(f"{BUNDLE}/{name}", json.dumps(facts(verdict)))
    conclude(searched.experiment, searched.dataset, searched.policy, seed=1, promoted=True, do=Errands(), each=in_turn)
    promotion = verdict.promotion
    members = ", ".join(member.variant for member in promotion.members)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"retraining {promotion.networks} networks on all 30 images: {members}"
    assert f"bundle:      {folder.uri}/best" in said
    assert "best/ holds another" not in folder.read("report.html")


def test_a_bundle_of_another_verdict_is_called_that(searched: Design, capsys: pytest.CaptureFixture[str]) -> None:
    folder, verdict = searched.experiment.folder, verdict_of(searched.experiment, searched.policy)
    for name in BUNDLE_FILES:
        folder.write(f"{BUNDLE}/{name}", json.dumps(facts(verdict)))
    tell(searched.experiment, verdict_of(searched.experiment, replace(searched.policy, seeds=9, ensemble="winner")))
    said = capsys.readouterr().out.splitlines()
    assert f"bundle:      {folder.uri}/best (holds other networks than these: tuner.retrain makes it anew)" in said
    assert "best/ holds another bundle" in folder.read("report.html")


def test_a_promotion_that_fails_leaves_the_verdict_and_says_that_there_is_no_bundle(searched: Design) -> None:
    class Broken(Errands):
        def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            found = super().__call__(function, *args, **kwargs)
            if function.__name__ == "promote":
                raise TunerError("a network diverged")
            return found

    with pytest.raises(TunerError, match="a network diverged"):
        conclude(
            searched.experiment, searched.dataset, searched.policy, seed=1, promoted=True, do=Broken(), each=in_turn
        )
    assert searched.experiment.folder.exists("verdict.json")
    assert "There is no bundle yet" in searched.experiment.folder.read("report.html")


def test_no_trial_with_a_number_is_a_failure_that_says_where_the_reasons_are(
    design: Design, manifest: dict[str, Any], trials: Any, root_log: None
) -> None:
    trials.failing = {"name": set(trials.levels)}
    search(design, trials, manifest, Budget(None))
    finals(design, trials.run, Budget(None), lambda line: None)
    place = design.experiment.folder.uri
    problem = f"no trial ended with a finite RMSE.*: 4 failed; more is in {place}/run.log"
    with pytest.raises(TunerError, match=problem) as raised:
        conclude(design.experiment, design.dataset, design.policy, seed=1, promoted=True, do=here, each=in_turn)
    assert raised.value.exit_code == 1
    assert not design.experiment.folder.exists("verdict.json")


def test_another_rule_is_another_verdict_of_the_same_numbers(searched: Design) -> None:
    best, significant = (
        verdict_of(searched.experiment, replace(searched.policy, rule=rule)) for rule in ("best", "significant")
    )
    assert best.winner.name == min(best.standings, key=lambda row: row.rmse.value if row.rmse else 9.0).name
    assert (best.rule, significant.rule) == ("best", "significant")
    assert {row.name: row.rmse for row in best.standings} == {row.name: row.rmse for row in significant.standings}


def test_a_control_that_diverged_in_the_search_but_won_the_finals_is_the_winner(searched: Design, trials: Any) -> None:
    rows = [json.loads(line) for line in searched.experiment.folder.read("base/result.json").splitlines()]
    rows[-1] |= {"ending": "diverged", "rmse": float("nan")}
    searched.experiment.folder.write("base/result.json", "".join(f"{json.dumps(row)}\n" for row in rows))
    trials.levels["base"] = 0.01
    finals(searched, trials.run, Budget(None), lambda line: None)
    assert [set(call.names) for call in trials.calls] == [{"base", "good", "fine", "bad"}]
    found = verdict_of(searched.experiment, searched.policy)
    assert (found.stage, found.winner.name) == ("finals", "base")
