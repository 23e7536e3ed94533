"""A grid whose processes are killed at the worst moments ends as one that was left alone."""

import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.killing import Killed, config_of
from tuner.promotion.predict import load_bundle, predict

Make = Callable[..., Killed]
INTERVAL, LAST = 5, 30
CONFIG = config_of(eval_steps=INTERVAL, max_steps=LAST)
MUTATIONS = """
change_training:
  - learning_rate: [0.001, 0.01]
"""
OPTIONS = ("--finals", "2", "--rounds", "1", "--seeds", "2")
VARIANTS = ("base", "change_training-learning_rate=0.001", "change_training-learning_rate=0.01")
FAULTS = (
    {"holding": [f"{VARIANTS[1]}/checkpoint_000002"], "dies": "self"},
    {"holding": [f"name/{VARIANTS[1]}/checkpoint_000004"], "dies": "driver"},
    {"holding": ["finals/round-1/", "checkpoint_000002"], "dies": "driver"},
    {"holding": ["name/best.partial"], "dies": "driver"},
)
"""A trial as it writes a checkpoint; the driver, as that trial, tried again, or one of the finals does; the export."""


@pytest.fixture(scope="module")
def runs(make: Make) -> tuple[Killed, Killed]:
    """One that was left alone, and one that was not, beside each other."""
    whole, killed = make(CONFIG, MUTATIONS, (*OPTIONS, "--no-retrain")), make(CONFIG, MUTATIONS, OPTIONS, *FAULTS)
    whole.start()
    return whole, killed


def reached_and_gone_on(killed: Killed) -> None:
    """The driver dies by itself, and the next one goes on within one interval of what was reached."""
    assert killed.end(120) == -9, killed.said
    known, reached = len(killed.gone_on_from()), killed.progress()
    killed.start()
    assert killed.wait_for(lambda: len(killed.gone_on_from()) > known), killed.said
    time.sleep(0.1)  # all go on at once
    for trial, step in killed.gone_on_from()[known:]:
        assert abs(step - reached.get(trial, 0)) <= INTERVAL  # an actor ends the call that it is in


def test_every_kill_took_place_and_no_trial_went_back_by_more_than_an_interval(runs: tuple[Killed, Killed]) -> None:
    _, killed = runs
    killed.start()
    reached_and_gone_on(killed)
    reached_and_gone_on(killed)
    assert killed.end(120) == -9, killed.said
    assert (killed.results / "best.partial").is_dir()
    killed.start()
    assert killed.end(120) == 0, killed.said
    marks = sorted(path.name for path in killed.marks.iterdir())
    assert marks == ["0-self", "1-driver", "2-driver", "3-driver"]
    assert "tried again" in (killed.results / "run.log").read_text()


def test_the_leaderboard_is_that_of_a_run_that_was_left_alone(runs: tuple[Killed, Killed]) -> None:
    whole, killed = runs
    assert whole.end(120) == 0, whole.said
    assert killed.leaderboard() == whole.leaderboard()
    assert [row["variant"] for row in killed.leaderboard() if row["variant"] in VARIANTS] != []


def test_no_evaluation_is_lost_or_there_twice(runs: tuple[Killed, Killed]) -> None:
    whole, killed = runs
    finals = [str(path.parent.relative_to(whole.results)) for path in whole.results.glob("finals/*/*/config.yaml")]
    trials = [*VARIANTS, *finals]
    assert len(finals) == 2
    for trial in trials:
        assert killed.steps(trial) == whole.steps(trial) == sorted(set(whole.steps(trial)))
        table = np.genfromtxt(killed.results / trial / "progress.csv", delimiter=",", names=True, dtype=None)
        assert table["step"].tolist() == whole.steps(trial)


def test_the_bundle_is_whole(runs: tuple[Killed, Killed]) -> None:
    _, killed = runs
    bundle, verdict = load_bundle(killed.results / "best"), json.loads((killed.results / "verdict.json").read_text())
    assert predict(bundle, np.zeros((2, 16, 16, 3), dtype=np.uint8)).shape == (2, 4)
    metrics = json.loads((killed.results / "best" / "metrics.json").read_text())
    assert metrics["variant"] == verdict["variant"]
    assert sorted(path.name for path in killed.results.glob("best*")) == ["best"]
    assert not list(killed.results.rglob("*.partial"))
