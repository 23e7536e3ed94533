import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner import run
from tuner.errors import Interrupted
from tuner.results.files import BUNDLE, BUNDLE_FILES
from tuner.stages.budget import Budget
from tuner.stages.conclude import here, tell, verdict_of
from tuner.stages.design import Design

FINISHED = "this experiment is finished: nothing is left to do"


@pytest.fixture
def options(trials: Any, root_log: None, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """Those of a run without a bundle, whose trials need no Ray."""

    def do(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if function.__name__ != "_baselines":
            return here(function, *args, **kwargs)
        return {"mean predictor": np.zeros((1 + args[1][-1].repeat, *args[0].responses.shape), np.float32)}

    monkeypatch.setattr("tuner.stages.crew.crew_for", lambda *arguments, **named: trials)
    trials.workers.do = do
    return run.parser().parse_args(["-g", "group", "-n", "name", "--no-retrain"])


def carry_out(design: Design, options: argparse.Namespace, manifest: dict[str, Any] | None) -> None:
    run.carry_out(design, options, manifest, Budget(options.time_budget))


def test_a_run_that_is_finished_is_told_of_and_not_run_again(
    design: Design,
    options: argparse.Namespace,
    manifest: dict[str, Any],
    trials: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    carry_out(design, options, manifest)
    first, count = capsys.readouterr().out.splitlines(), len(trials.calls)
    assert [call.place for call in trials.calls] == ["name", "round-1", "round-2"]
    carry_out(design, options, None)
    again = capsys.readouterr().out.splitlines()
    assert again[0] == FINISHED
    assert again[1:] == first[-len(again[1:]) :]
    assert len(trials.calls) == count


@pytest.mark.parametrize("trained", [2, 5])
def test_a_report_on_an_interrupted_run_does_not_end_it(
    design: Design,
    options: argparse.Namespace,
    manifest: dict[str, Any],
    trials: Any,
    trained: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trials.patience = trained
    with pytest.raises(Interrupted):
        carry_out(design, options, manifest)
    tell(design.experiment, verdict_of(design.experiment, design.policy))
    trials.patience = None
    carry_out(design, options, None)
    assert FINISHED not in capsys.readouterr().out
    assert json.loads(design.experiment.folder.read("verdict.json"))["protocol"] == "2 repeats of 5 folds"


@pytest.mark.parametrize("held", [(), BUNDLE_FILES[:2]], ids=["no bundle", "models alone"])
def test_a_bundle_that_is_asked_for_later_or_not_whole_is_made_without_training_again_for_the_verdict(
    design: Design,
    options: argparse.Namespace,
    manifest: dict[str, Any],
    trials: Any,
    monkeypatch: pytest.MonkeyPatch,
    held: tuple[str, ...],
) -> None:
    carry_out(design, options, manifest)
    for name in held:
        design.experiment.folder.write(f"{BUNDLE}/{name}", "")
    trained = trials.trained.copy()
    promoted: list[str] = []
    trials.workers.do = lambda function, *a, **k: promoted.append(function.__name__)
    options.no_retrain = False
    carry_out(design, options, None)
    assert (promoted, trials.trained) == (["promote"], trained)


def test_data_that_are_gone_are_told_once_after_the_search_and_the_run_goes_on(
    design: Design, options: argparse.Namespace, manifest: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    states = ((1, 1), (1, 1))
    carry_out(replace(design, dataset=replace(design.dataset, states=states)), options, manifest)
    lines = capsys.readouterr().out.splitlines()
    (told,) = (number for number, line in enumerate(lines) if line.startswith("the data are no longer there as they"))
    assert lines[told + 1].startswith("finals, round 1")
    assert any(line.startswith("winner: ") for line in lines)


def test_a_time_budget_is_shared_between_search_and_finals(
    design: Design, options: argparse.Namespace, manifest: dict[str, Any], trials: Any
) -> None:
    options.time_budget = 3600.0
    carry_out(design, options, manifest)
    search, finals = (call.limits.seconds for call in trials.calls[:2])
    assert 0 < search < 0.5 * 3600 < finals < 3600


def test_failed_trials_are_tried_again_where_that_is_asked_for_and_then_have_their_part_in_the_finals(
    design: Design,
    options: argparse.Namespace,
    manifest: dict[str, Any],
    trials: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trials.failing = {"name": {"fine"}, "round-1": {"good"}}
    carry_out(design, options, manifest)
    assert {record.variant: record.status for record in design.experiment.records()}["fine"] == "failed"
    trials.failing, trained = {}, len(trials.trained)
    carry_out(design, options, None)
    assert len(trials.trained) == trained
    options.retry_failed = True
    capsys.readouterr()
    carry_out(design, options, None)
    assert capsys.readouterr().out.splitlines()[0] == "tried again: fine, good"
    assert trials.trained[trained : trained + 3] == [("name", "fine"), ("round-1", "good"), ("round-1", "fine")]
    assert {record.status for record in design.experiment.records()} == {"finished"}
    assert design.experiment.finals(1).holds("fine")
    trained = len(trials.trained)
    carry_out(design, options, None)
    assert "no trial has failed" in capsys.readouterr().out
    assert len(trials.trained) == trained
