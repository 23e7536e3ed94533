"""A population whose driver is killed goes on as if it had not been."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.dataset.simulate import simulate, write
from tuner.engine.checkpoint import read_checkpoint

CONFIG = """
data: {folds: 2, random_seed: 3}
model:
  image_size: 16
  conv_layers: [{num_filters: 4, kernel_size: 5}]
training: {eval_steps: 5, max_steps: 30, early_stopping_evals: 100, learning_rate: 0.003, precision: fp32}
"""
MUTATIONS = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-1, log: true}
add_dense_layer:
  - num_units: {min: 4, max: 16}
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
RUN = (
    *("run", "-g", "group", "-n", "name", "--config", "config.yaml", "--mutations", "mutations.yaml"),
    *("--data", "recording", "--search", "pbt", "--population", "3", "--samples", "4", "--interval", "10"),
    *("--max-concurrent", "1", "--finals", "0", "--no-retrain"),
)
MEMBERS = ("base", "member-1", "member-2", "member-3", "member-4")
SIZE = 3
"""Of the population, after the first interval."""
LAST = 30
TOLD = ("step", "rmse", "fitness", "rmse_best", "train_rmse", "ending", "descent", "neuron")
Row = dict[str, Any]


def rows(results: Path, member: str) -> list[Row]:
    """All rows, those of steps that were taken twice, too; a line may be cut short by a kill."""
    file, found = results / member / "result.json", []
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def reached(results: Path) -> int:
    """The step that all members have come to that go on."""
    return sorted(max((row["step"] for row in rows(results, member)), default=0) for member in MEMBERS)[-SIZE]


def told(results: Path) -> dict[str, dict[int, str]]:
    """What every evaluation found, and that it found nothing else where it was made again."""
    found: dict[str, dict[int, str]] = {member: {} for member in MEMBERS}
    for member in MEMBERS:
        for row in rows(results, member):
            text = repr([row[key] for key in TOLD])
            assert found[member].setdefault(row["step"], text) == text, (member, row["step"])
    return found


def lineages(results: Path) -> dict[str, Any]:
    last = {member: max((results / member).glob("checkpoint_*")) for member in MEMBERS}
    return {member: read_checkpoint(folder).lineage for member, folder in last.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        place = tmp_path / name
        place.mkdir()
        simulation = simulate(np.random.default_rng(1), num_images=60, num_test=10, num_neurons=4, size=20)
        write(simulation, place / "recording")
        (place / "config.yaml").write_text(CONFIG)
        (place / "mutations.yaml").write_text(MUTATIONS)
        return place

    return make


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "tuner", *RUN, *more]


def start(place: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(*more), cwd=place, env=ENVIRONMENT, stdout=subprocess.DEVNULL)


def results_of(place: Path) -> Path:
    return place / "ray_results" / "group" / "name"


def kill_at(place: Path, moment: Callable[[Path], bool]) -> None:
    """A run is killed at this moment, which comes before its end."""
    results, deadline, process = results_of(place), time.monotonic() + 100, start(place)
    while not moment(results) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert moment(results)
    assert not (results / "search_ended.txt").exists()


def test_a_killed_population_ends_as_one_that_was_not_killed(folder: Callable[[str], Path]) -> None:
    whole, place = folder("whole"), folder("killed")
    undisturbed = start(whole)
    kill_at(place, lambda results: reached(results) >= 15)
    assert reached(results_of(place)) < LAST
    resumed = start(place, "--resume")
    assert (undisturbed.wait(100), resumed.wait(100)) == (0, 0)
    expected, results = told(results_of(whole)), results_of(place)
    assert sorted(map(list, expected.values())) == [[5, 10]] * 2 + [list(range(5, LAST + 1, 5))] * SIZE
    assert told(results) == expected
    assert lineages(results) == lineages(results_of(whole))
    assert {row["descent"]["step"] for member in MEMBERS for row in rows(results, member)} == {0, 10, 20}
    repeated = [len(rows(results, member)) - len(expected[member]) for member in MEMBERS]
    assert max(repeated) <= 2  # evaluations an interval
