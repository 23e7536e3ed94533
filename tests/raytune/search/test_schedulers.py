"""Ray Tune's schedulers: what they hear of, what they end, and what is known of them after a resume."""

import math
from pathlib import Path
from typing import Any

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.search.method import Method
from tuner.raytune.search.resumption import Resumption, dump, load
from tuner.raytune.search.schedulers import EarlyEnding, InOrder, SparingScheduler
from tuner.raytune.trials import Conditions, Trials
from tuner.results.ending_marks import EndingMarks
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.results.strategy import SCHEDULERS
from tuner.settings import replaced

NAMES = [name for name in SCHEDULERS if name != "none"]


class Controller:
    """What a scheduler asks of Ray."""

    def __init__(self, *trials: Trial) -> None:
        self.trials = list(trials)

    def get_trials(self) -> list[Trial]:
        return self.trials

    def get_live_trials(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.is_finished()]

    def stop_trial(self, trial: Trial) -> None:
        trial.set_status(Trial.TERMINATED)

    def _set_trial_status(self, trial: Trial, status: str) -> None:
        trial.set_status(status)

    def _mark_trial_to_checkpoint(self, trial: Trial) -> None:
        pass


def made(name: Any, longest: int = 9) -> SparingScheduler:
    scheduler = EarlyEnding(name, "base", longest, grace=1).scheduler()
    assert isinstance(scheduler, SparingScheduler)
    return scheduler


def trial(name: str) -> Trial:
    return Trial("trainable", trial_id=name, stub=True, config={"variant": {"name": name}})


def result(evaluation: int, best: float) -> dict[str, Any]:
    return {"training_iteration": evaluation, "rmse_best": best}


def told(scheduler: SparingScheduler, controller: Controller, evaluations: int) -> dict[str, str]:
    """The first decision on each that is not to go on; the later a trial comes, the worse it is."""
    endings: dict[str, str] = {}
    for evaluation in range(1, evaluations + 1):
        for number, each in enumerate(controller.trials):
            each.set_status(Trial.RUNNING)
            if each.trial_id not in endings:
                action = scheduler.on_trial_result(controller, each, result(evaluation, 0.1 * (number + 1)))
                if action != TrialScheduler.CONTINUE:
                    endings[each.trial_id] = action
    return endings


@pytest.mark.parametrize("name", NAMES)
def test_the_worst_is_ended_and_the_control_never(name: str) -> None:
    scheduler, controller = made(name), Controller(*(trial(f"v{number}") for number in range(5)), trial("base"))
    for each in controller.trials:
        scheduler.on_trial_add(controller, each)
    endings = told(scheduler, controller, 6)
    assert "base" not in endings
    assert "v0" not in endings or endings["v0"] == TrialScheduler.PAUSE
    assert "base" not in scheduler.known
    assert "base" not in scheduler.debug_string()
    if name != "hyperband":  # which only pauses until all of a bracket are there
        assert endings["v4"] == TrialScheduler.STOP


def test_no_schedule_ends_nothing() -> None:
    one = trial("v1")
    scheduler = EarlyEnding("none", "base", 10, 3).scheduler()
    assert isinstance(scheduler, InOrder)
    assert scheduler.on_trial_result(Controller(one), one, result(1, 0.5)) == TrialScheduler.CONTINUE


def test_a_grace_longer_than_a_trial_is_a_trial() -> None:
    assert made("asha", longest=1).inner is not None
    assert isinstance(EarlyEnding("asha", "base", 2, 50).scheduler(), SparingScheduler)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_without_a_number_is_kept_from_it(name: str) -> None:
    scheduler, wild = made(name), trial("wild")
    controller = Controller(wild)
    scheduler.on_trial_add(controller, wild)
    assert scheduler.on_trial_result(controller, wild, result(1, math.nan)) == TrialScheduler.CONTINUE
    scheduler.on_trial_complete(controller, wild, result(1, math.nan))
    assert scheduler.known == set()


@pytest.mark.parametrize("name", NAMES)
def test_its_state_survives_with_other_objects_for_the_same_trials(name: str) -> None:
    scheduler, controller = made(name), Controller(*(trial(f"v{number}") for number in range(4)))
    for each in controller.trials:
        scheduler.on_trial_add(controller, each)
    told(scheduler, controller, 1)
    again, restored = made(name), [trial(f"v{number}") for number in range(4)]
    for each in restored:
        again.on_trial_add(controller, each)
        each.set_status(Trial.RUNNING)
    resumption = Resumption(again)
    resumption.set_state({"scheduler": dump(scheduler)})
    assert resumption.get_state() == {"scheduler": dump(scheduler)}
    resumption.on_step_begin(1, restored)
    assert again.debug_string() == scheduler.debug_string()
    assert (again.known, again.stopped) == (scheduler.known, scheduler.stopped)
    assert told(again, Controller(*restored), 4) == told(scheduler, controller, 4)


@pytest.mark.parametrize("name", ["asha", "median"])
def test_what_was_measured_after_the_state_was_saved_is_heard_of(name: Any) -> None:
    whole, controller = made(name), Controller(*(trial(f"v{number}") for number in range(4)))
    again, restored = made(name), [trial(f"v{number}") for number in range(4)]
    for scheduler, trials in ((whole, controller.trials), (again, restored)):
        for each in trials:
            scheduler.on_trial_add(controller, each)
    told(whole, controller, 1)
    state, rows = dump(whole), [result(2, 0.1 * (number + 1)) for number in range(4)]
    for each, row in zip(controller.trials, rows, strict=True):
        whole.on_trial_result(controller, each, row)
    missed = {f"v{number}": [row] for number, row in enumerate(rows)}
    Recovery.current().missed = missed
    resumption = Resumption(again)
    resumption.set_state({"scheduler": state})
    resumption.on_step_begin(1, restored)
    assert again.debug_string() == whole.debug_string()
    assert again.stopped == whole.stopped
    assert told(again, Controller(*restored), 5) == told(whole, controller, 5)


@pytest.mark.parametrize("name", ["asha", "median"])
def test_what_a_trial_measured_before_ray_knew_of_it_is_heard_of(name: Any) -> None:
    whole, late = made(name), made(name)
    resumption = Resumption(late)
    resumption.on_step_begin(1, [])
    trials = [trial(f"v{number}") for number in range(4)]
    rows = {each.trial_id: [result(one, 0.1 * (number + one)) for one in (1, 2)] for number, each in enumerate(trials)}
    for each in trials:
        whole.on_trial_add(None, each)
        for row in rows[each.trial_id]:
            whole.on_trial_result(None, each, row)
        Recovery.current().missed = {each.trial_id: rows[each.trial_id]}
        late.on_trial_add(None, each)
    assert late.debug_string() == whole.debug_string()
    assert late.stopped == whole.stopped


def test_a_state_of_trials_that_are_not_there_is_refused() -> None:
    scheduler, one = made("median"), trial("v0")
    scheduler.on_trial_add(Controller(one), one)
    told(scheduler, Controller(one), 1)
    with pytest.raises(KeyError, match="v0"):
        load(made("median"), dump(scheduler), [])


def test_what_waits_for_a_trial_that_ended_by_itself_goes_on() -> None:
    scheduler, controller = made("hyperband"), Controller(*(trial(f"v{number}") for number in range(12)))
    for each in controller.trials:
        scheduler.on_trial_add(controller, each)
    bracket: Any = scheduler.inner._hyperbands[0][1]  # type: ignore[attr-defined]
    *others, last = bracket.current_trials()
    for rung in (3, 9):
        for each in [one for one in others if not one.is_finished()]:
            each.set_status(Trial.RUNNING)
            assert scheduler.on_trial_result(controller, each, result(rung, 0.3)) != TrialScheduler.STOP
            each.set_status(Trial.PAUSED)
        if rung == 3:
            last.set_status(Trial.RUNNING)
            scheduler.on_trial_result(controller, last, result(3, 0.1))
            last.set_status(Trial.RUNNING)
            assert {one for one in others if not one.is_finished()} <= bracket.trials_to_unpause
        others = [one for one in others if not one.is_finished()]
    scheduler.on_trial_complete(controller, last, result(4, 0.1))
    assert scheduler.choose_trial_to_run(controller) is not None


def test_trials_that_waited_for_others_wait_again_in_a_run_that_goes_on() -> None:
    scheduler, controller = made("hyperband"), Controller(*(trial(f"v{number}") for number in range(12)))
    for each in controller.trials:
        scheduler.on_trial_add(controller, each)
    bracket: Any = scheduler.inner._hyperbands[0][1]  # type: ignore[attr-defined]
    *others, last = bracket.current_trials()
    for number, each in enumerate(others):
        each.set_status(Trial.RUNNING)
        scheduler.on_trial_result(controller, each, result(3, 0.3 + 0.1 * number))
        each.set_status(Trial.PAUSED)
    again, anew = made("hyperband"), Controller(*(trial(f"v{number}") for number in range(12)))
    for each in anew.trials:  # as Ray restores them
        each.set_status(Trial.PENDING)
        again.on_trial_add(anew, each)
    resumption = Resumption(again)
    resumption.set_state({"scheduler": dump(scheduler)})
    resumption.on_step_begin(1, anew.trials)
    waiting = {each.trial_id for each in others}
    chosen = again.choose_trial_to_run(anew)
    assert chosen is not None
    assert chosen.trial_id not in waiting
    assert {each.trial_id for each in anew.trials if each.status == Trial.PAUSED} == waiting
    late = next(each for each in anew.trials if each.trial_id == last.trial_id)
    late.set_status(Trial.RUNNING)
    assert again.on_trial_result(anew, late, result(3, 0.1)) == TrialScheduler.CONTINUE


@pytest.mark.parametrize("name", ["asha", "hyperband"])
def test_the_trials_that_a_scheduler_ends_are_stopped_and_one_that_diverges_is_not(
    name: Any, config: Config, dataset: Dataset, tmp_path: Path, ray_session: None
) -> None:
    def of(rate: float) -> Config:
        training = {"learning_rate": rate, "eval_steps": 1, "max_steps": 9, "early_stopping_evals": 9}
        return replaced(config, {"training": replaced(config.training, training)})

    rates = {"base": 1e-7, "good": 0.01, "fine": 0.008, "well": 0.012, "slow": 1e-6, "idle": 1e-6, "poor": 1e-6}
    rates["wild"] = 1e30
    entries = tuple(Entry(variant, of(rate), ()) for variant, rate in rates.items())
    experiment = Experiment.at(str(tmp_path), "group", "name")
    experiment.begin({"variants": {entry.name: [] for entry in entries}}, entries, origin_of(dataset, 1))
    method = Method(EarlyEnding(name, "base", 9, 2))
    ended = run_trials(
        Trials(experiment, entries, dict.fromkeys(rates, 1), method=method),
        Conditions(dataset, check_resources(Resources())),
        (EndingMarks(experiment),),
    )
    statuses = {record.variant: record.status for record in experiment.records()}
    assert ended == set(rates)
    assert (statuses["base"], statuses["wild"]) == ("finished", "diverged")
    assert "stopped" in statuses.values()
    assert set(statuses.values()) == {"finished", "stopped", "diverged"}
    assert all(record.ended for record in experiment.records())
