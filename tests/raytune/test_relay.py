import math
from pathlib import Path

import pytest
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial

from tuner.raytune.fault_tolerance.failures import Failures
from tuner.raytune.relay import Relay
from tuner.results.record import Measurement

ROW = {
    "step": 2,
    "rmse": 0.5,
    "rmse_se": math.nan,
    "train_rmse": 0.6,
    "neuron": {"rmse": {"a": 0.5}, "correlation": {"a": 0.1}, "r2": {"a": 0.0}},
}


class Diary:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, object]] = []

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        self.lines.append((variant, (folder.name, measurement.rmse)))

    def ended(self, variant: str, error: str) -> None:
        self.lines.append((variant, error))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def relay(diary: Diary) -> Relay:
    return Relay((diary,), Failures())


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    storage = StorageContext(str(tmp_path), "experiment", trial_dir_name="wide")
    return Trial("trainable", stub=True, config={"variant": {"name": "wide"}}, storage=storage)


def test_listeners_are_told_in_order_once_a_trial_has_been_sent_on(diary: Diary, relay: Relay, trial: Trial) -> None:
    relay.on_trial_result(1, [trial], trial, ROW)
    relay.on_trial_complete(1, [trial], trial)
    assert diary.lines == []
    assert relay.ended == {"wide"}
    relay.on_step_end(1, [trial])
    assert diary.lines == [("wide", ("wide", 0.5)), ("wide", "")]


def test_trials_that_had_ended_before_are_known_and_not_told(
    diary: Diary, relay: Relay, trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trial, "error_file", property(lambda trial: str(tmp_path / "error.txt")))
    (tmp_path / "error.txt").write_text("Traceback\nValueError: no\n")
    others = []
    for name, status in (("good", Trial.TERMINATED), ("bad", Trial.ERROR), ("waiting", Trial.PAUSED)):
        storage = StorageContext(str(tmp_path), "experiment", trial_dir_name=name)
        other = Trial("trainable", stub=True, config={"variant": {"name": name}}, storage=storage)
        other.set_status(status)
        others.append(other)
    assert relay.before is None
    relay.on_step_begin(1, others)
    trial.set_status(Trial.TERMINATED)
    relay.on_step_begin(2, [*others, trial])
    relay.on_experiment_end([*others, trial])
    assert relay.before == {"good": "", "bad": "ValueError: no"}
    assert diary.lines == []


def test_listeners_are_told_once(diary: Diary, relay: Relay, trial: Trial) -> None:
    relay.on_trial_result(1, [trial], trial, ROW)
    relay.on_step_end(1, [trial])
    relay.on_step_end(2, [trial])
    relay.tell()
    assert len(diary.lines) == 1
