import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.errors import Interrupted
from tuner.results.evidence import read_evidence
from tuner.results.experiment import Experiment
from tuner.results.facts import facts
from tuner.results.origin import origin_of
from tuner.results.record import TrialRecord
from tuner.results.spent import NOTHING, Machine
from tuner.settings import replaced
from tuner.stages import budget
from tuner.stages.budget import EXPORT_S, Budget, Purse
from tuner.stages.conclude import verdict_of
from tuner.stages.design import Design
from tuner.stages.finals import finals, promotion_seconds
from tuner.stages.meter import Meter


def run_finals(design: Design, trials: Any, budget: Budget | None = None) -> list[str]:
    """What is said."""
    lines: list[str] = []
    finals(design, trials.run, budget or Budget(None), lines.append)
    return lines


def with_policy(design: Design, **changes: Any) -> Design:
    return replace(design, policy=replace(design.policy, **changes))


def verdict(design: Design) -> str:
    return json.dumps(facts(verdict_of(design.experiment, design.policy)))


def test_all_finalists_have_the_same_splits_and_seeds_which_the_search_never_saw(searched: Design, trials: Any) -> None:
    run_finals(searched, trials)
    seeds = set()
    for call in trials.calls:
        assert len(set(call.seeds.values())) == 1
        assert len({entry.config.data.model_dump_json() for entry in call.entries}) == 1
        seeds |= set(call.seeds.values())
        data = call.entries[0].config.data
        assert (data.folds, data.repeats, data.reshuffle) == (5, 1, False)
        assert data.random_seed != searched.entries[0].config.data.random_seed
    assert len(seeds) == len(trials.calls) == 2
    assert len({call.entries[0].config.data.random_seed for call in trials.calls}) == 2


def test_a_finalist_trains_as_its_variant_does(searched: Design, trials: Any) -> None:
    run_finals(searched, trials)
    for entry in trials.calls[0].entries:
        before = next(one for one in searched.entries if one.name == entry.name)
        unchanged = {"max_steps": 8, "early_stopping_evals": before.config.training.early_stopping_evals}
        assert replaced(entry.config.training, unchanged) == before.config.training
        assert entry.config.model == before.config.model


def test_a_round_is_one_more_repeat_for_all_who_run_in_it(searched: Design, trials: Any) -> None:
    lines = run_finals(searched, trials)
    assert [call.place for call in trials.calls] == ["round-1", "round-2"]
    evidence = read_evidence(searched.experiment)
    repeats = {name: len(curve.folds) for name, curve in evidence.finals.items()}
    assert repeats == {"base": 2, "good": 2, "fine": 2, "bad": 1}
    folds = evidence.finals["good"].folds
    assert not np.array_equal(folds[0], folds[1])
    np.testing.assert_array_equal(folds, evidence.finals["base"].folds)
    assert lines[0] == "finals, round 1 of at most 2: base, good, fine, bad"
    assert lines[1] == "finals, round 2 of at most 2: base, good, fine"


def test_who_is_clearly_worse_leaves_and_trains_no_more(searched: Design, trials: Any) -> None:
    run_finals(searched, trials)
    assert set(trials.calls[1].names) == {"base", "good", "fine"}
    assert [variant for place, variant in trials.trained if variant == "bad"] == ["bad"]
    row = next(row for row in verdict_of(searched.experiment, searched.policy).standings if row.name == "bad")
    assert (row.status, row.repeats) == ("dropped", 1)


def test_the_control_is_there_even_if_it_is_the_worst_and_was_dropped(searched: Design, trials: Any) -> None:
    trials.levels["base"] = 2.5
    run_finals(with_policy(searched, finalists=3), trials)
    assert [set(call.names) for call in trials.calls] == [{"base", "good", "fine"}] * 2


def test_a_race_with_one_left_stops_early(searched: Design, trials: Any) -> None:
    trials.levels.update(base=2.0, fine=2.0)
    lines = run_finals(searched, trials)
    assert len(trials.calls) == len(lines) == 1
    assert verdict_of(searched.experiment, searched.policy).winner.name == "good"


@pytest.mark.parametrize("count", [0, 1])
def test_without_finalists_the_search_alone_decides(searched: Design, trials: Any, count: int) -> None:
    design = with_policy(searched, finalists=count)
    assert run_finals(design, trials) == []
    assert trials.calls == []
    assert verdict_of(design.experiment, design.policy).stage == "search"


def test_finalists_are_the_best_of_the_search_and_the_control(searched: Design, trials: Any) -> None:
    run_finals(with_policy(searched, finalists=2), trials)
    assert trials.calls[0].names == ("base", "good")


class Clock:
    """A clock of which every trial takes a while."""

    def __init__(self, trials: Any, seconds: float) -> None:
        self.trials, self.seconds = trials, seconds

    def monotonic(self) -> float:
        return self.seconds * len(self.trials.trained)


@pytest.mark.parametrize(("spare", "rounds"), [(69.0, 1), (71.0, 2)])
def test_a_round_for_which_no_time_is_left_is_not_begun_and_the_verdict_stands(
    searched: Design, trials: Any, monkeypatch: pytest.MonkeyPatch, spare: float, rounds: int
) -> None:
    clock = Clock(trials, 10.0)
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr("tuner.stages.finals.time", clock)
    reserve = promotion_seconds(searched.policy, read_evidence(searched.experiment), 4)
    lines = run_finals(searched, trials, Budget(reserve + spare, 0.0))
    assert len(trials.calls) == rounds
    assert ("no time is left for round 2 of the finals" in lines) == (rounds == 1)
    assert trials.calls[0].limits.seconds == pytest.approx(spare)
    assert trials.calls[0].limits.give_up is False
    found = verdict_of(searched.experiment, searched.policy)
    assert (found.stage, found.protocol) == ("finals", f"{rounds} repeat{'s' * (rounds > 1)} of 5 folds")


def test_a_round_that_time_ended_is_not_begun_again_and_the_round_before_it_counts(
    searched: Design, trials: Any
) -> None:
    trials.stopped["round-2"] = {"good", "fine"}
    run_finals(searched, trials)
    once = verdict(searched)
    assert json.loads(once)["protocol"] == "1 repeat of 5 folds"
    count = len(trials.trained)
    run_finals(searched, trials)
    assert len(trials.trained) == count
    assert verdict(searched) == once


@pytest.mark.parametrize("stopped", [{"base", "good", "fine", "bad"}, {"good", "fine"}, {"bad"}])
def test_finals_whose_first_round_time_ended_leave_the_choice_to_the_search(
    searched: Design, trials: Any, stopped: set[str]
) -> None:
    trials.stopped["round-1"] = stopped
    lines = run_finals(searched, trials)
    assert len(trials.calls) == 1
    assert lines[-1] == "time was up in round 1 of the finals, so it does not count"
    found = verdict_of(searched.experiment, searched.policy)
    assert (found.stage, found.winner.name) == ("search", "good")


@pytest.mark.parametrize(("spare", "rounds"), [(-0.01, 0), (0.29, 1), (0.31, 2)])
def test_a_round_for_which_no_money_is_left_is_not_begun(
    searched: Design, trials: Any, monkeypatch: pytest.MonkeyPatch, spare: float, rounds: int
) -> None:
    monkeypatch.setattr("tuner.stages.finals.time", Clock(trials, 10.0))
    monkeypatch.setattr("tuner.stages.meter.time", Clock(trials, 0.0))
    meter = Meter({"spot": Machine("g5.xlarge spot", 36.0)}, NOTHING)  # a cent a second
    meter.look(["spot"])
    reserve = promotion_seconds(searched.policy, read_evidence(searched.experiment), 4) / 100
    lines = run_finals(searched, trials, Budget(None, purse=Purse(reserve + spare, meter)))
    assert len(trials.calls) == rounds
    assert ("no money is left for round 2 of the finals" in lines) == (rounds == 1)
    if rounds:
        assert not trials.calls[0].limits.money_spent()
        assert trials.calls[0].limits.seconds is None


def test_without_a_promotion_no_time_is_kept_for_it(searched: Design, trials: Any) -> None:
    finals(searched, trials.run, Budget(1000.0), lambda line: None, promoted=False)
    assert trials.calls[0].limits.seconds == pytest.approx(1000.0, abs=5)


def test_more_networks_reserve_more_time(searched: Design) -> None:
    evidence = read_evidence(searched.experiment)
    few, many = (
        promotion_seconds(replace(searched.policy, ensemble="winner", seeds=seeds), evidence, 4) for seeds in (2, 20)
    )
    assert few - EXPORT_S == pytest.approx(2 * 3.0 / 3)  # a trial of 3 networks took 3 s
    assert many - EXPORT_S == pytest.approx(10 * (few - EXPORT_S))
    assert promotion_seconds(searched.policy, evidence, 4) - EXPORT_S == pytest.approx(4 * (few - EXPORT_S))


# Of 4 trials in the first round and 3 in the second.
@pytest.mark.parametrize("trained", [0, 2, 4, 6])
def test_finals_that_were_interrupted_go_on_to_the_same_verdict(searched: Design, trials: Any, trained: int) -> None:
    uninterrupted = replace(searched, experiment=copied(searched.experiment, "other"))
    run_finals(uninterrupted, trials)
    order = trials.trained.copy()
    trials.trained.clear()
    trials.patience = trained
    with pytest.raises(Interrupted):
        run_finals(searched, trials)
    assert trials.trained == order[:trained]
    trials.patience = None
    run_finals(searched, trials)
    assert trials.trained == order
    assert verdict(searched) == verdict(uninterrupted)
    asked = len(trials.calls)
    run_finals(searched, trials)
    assert (len(trials.calls), trials.trained) == (asked, order)


def test_an_interrupted_round_keeps_its_seeds_and_configs(searched: Design, trials: Any) -> None:
    trials.patience = 6
    with pytest.raises(Interrupted):
        run_finals(searched, trials)
    trials.patience = None
    run_finals(searched, trials)
    assert trials.calls[-1] == trials.calls[-2]


def test_finalists_whose_trials_fail_leave_and_the_others_go_on(searched: Design, trials: Any) -> None:
    trials.failing = {"round-1": {"fine"}}
    run_finals(searched, trials)
    assert set(trials.calls[1].names) == {"base", "good"}
    assert verdict_of(searched.experiment, searched.policy).winner.name in ("base", "good")


def test_a_finalist_that_fails_in_a_later_round_leaves_with_what_it_had(searched: Design, trials: Any) -> None:
    trials.failing = {"round-2": {"good"}}
    run_finals(searched, trials)
    found = verdict_of(searched.experiment, searched.policy)
    row = next(row for row in found.standings if row.name == "good")
    assert (row.status, row.repeats) == ("failed", 1)
    assert found.winner.name != "good"
    assert found.protocol == "2 repeats of 5 folds"


def test_a_control_that_failed_in_the_search_is_tried_again(searched: Design, trials: Any) -> None:
    folder = searched.experiment.folder.local
    assert folder is not None
    (folder / "base" / "result.json").unlink()
    for file in (folder / "base").glob("checkpoint_*/*"):
        file.unlink()
    searched.experiment.mark_failed("base", "out of memory")
    run_finals(searched, trials)
    control = next(entry for entry in trials.calls[0].entries if entry.name == "base")
    assert control.config.training.max_steps == 8


def test_all_finalists_failing_leaves_the_choice_to_the_search(searched: Design, trials: Any) -> None:
    trials.failing = {"round-1": {"base", "good", "fine", "bad"}}
    run_finals(searched, trials)
    assert len(trials.calls) == 1
    found = verdict_of(searched.experiment, searched.policy)
    assert (found.stage, found.winner.name in ("good", "fine")) == ("search", True)


def copied(experiment: Experiment, name: str) -> Experiment:
    """The same experiment in another folder."""
    folder = experiment.folder.local
    assert folder is not None
    shutil.copytree(folder, folder.with_name(name))
    return Experiment.at(str(folder.parents[1]), "group", name)


def record_of(design: Design, name: str) -> TrialRecord:
    return next(record for record in design.experiment.records() if record.variant == name)


def test_the_longest_trials_of_a_round_begin_first_after_the_control(searched: Design, trials: Any) -> None:
    wide = replaced(searched.entries[3].config.model.conv_layers[0], {"num_filters": 40})
    model = replaced(searched.entries[3].config.model, {"conv_layers": (wide,)})
    entry = replace(searched.entries[3], config=replaced(searched.entries[3].config, {"model": model}))
    searched.experiment.describe((entry,), origin_of(searched.dataset, searched.seed))
    assert record_of(searched, "bad").macs > record_of(searched, "good").macs
    run_finals(searched, trials)
    assert trials.calls[0].names[:2] == ("base", "bad")


def test_a_round_that_was_out_of_time_and_goes_on_has_time_again(searched: Design, trials: Any) -> None:
    searched.experiment.finals(1).mark_time_up("time was up")  # and a crash came before any trial had ended
    run_finals(searched, trials)
    assert not searched.experiment.finals(1).time_was_up
