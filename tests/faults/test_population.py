"""A population whose driver is killed while members go on from others ends as one that was left alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.killing import Killed, recording
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
OPTIONS = (
    *("--search", "pbt", "--population", "3", "--samples", "4", "--interval", "10"),
    *("--max-concurrent", "1", "--finals", "0", "--no-retrain"),
)
MEMBERS = ("base", "member-1", "member-2", "member-3", "member-4")
SIZE = 3
"""Of the population, after the first interval."""
LAST = 30
TOLD = ("step", "rmse", "fitness", "rmse_best", "train_rmse", "ending", "descent", "neuron")
FAULTS = ({"holding": ["lineage.json"], "dies": "driver"},)
"""The first checkpoint after the first exploit is being written."""
Row = dict[str, Any]


def rows(run: Killed, member: str) -> list[Row]:
    file = run.results / member / "result.json"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def reached(run: Killed) -> int:
    """The step that all members have come to that go on."""
    return sorted(run.progress().get(member, 0) for member in MEMBERS)[-SIZE]


def told(run: Killed) -> dict[str, dict[int, str]]:
    """What every evaluation found."""
    return {member: {row["step"]: repr([row[key] for key in TOLD]) for row in rows(run, member)} for member in MEMBERS}


def lineages(run: Killed) -> dict[str, Any]:
    last = {member: max((run.results / member).glob("checkpoint_*")) for member in MEMBERS}
    return {member: read_checkpoint(folder).lineage for member, folder in last.items()}


def goes_on(run: Killed) -> None:
    """After a kill, each member within an interval of where it was."""
    known, before = len(run.gone_on_from()), run.progress()
    run.start()
    assert run.wait_for(lambda: run.progress() != before), run.said
    assert len(run.gone_on_from()) > known
    for member, step in run.gone_on_from()[known:]:
        assert before[member] - 5 <= step


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Killed]:
    return lambda name: Killed(recording(tmp_path / name, CONFIG, MUTATIONS), OPTIONS)


def test_a_killed_population_ends_as_one_that_was_not_killed(make: Callable[[str], Killed]) -> None:
    whole, killed = make("whole"), make("killed")
    (killed.folder / "marks").mkdir()
    killed.environment = {
        "PYTHONPATH": str(Path(__file__).parent / "injected"),
        "TUNER_FAULTS": json.dumps(FAULTS),
        "TUNER_FAULTS_MARKS": str(killed.folder / "marks"),
    }
    whole.start()
    killed.start()
    assert killed.end(120) == -9, killed.said
    assert [path.name for path in (killed.folder / "marks").iterdir()] == ["0-driver"]
    assert 10 <= reached(killed) < LAST
    goes_on(killed)
    assert (whole.end(120), killed.end(120)) == (0, 0), killed.said
    expected = told(whole)
    assert sorted(map(list, expected.values())) == [[5, 10]] * 2 + [list(range(5, LAST + 1, 5))] * SIZE
    assert told(killed) == expected
    assert lineages(killed) == lineages(whole)
    assert {row["descent"]["step"] for member in MEMBERS for row in rows(killed, member)} == {0, 10, 20}
    assert all(len(rows(killed, member)) == len(expected[member]) for member in MEMBERS)
