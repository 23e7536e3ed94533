"""A population whose driver is killed while members go on from others ends as one that was left alone."""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.killing import Killed, config_of
from tuner.engine.checkpoint import read_checkpoint

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
CONFIG = config_of(eval_steps=5, max_steps=LAST)
TOLD = ("step", "rmse", "fitness", "rmse_best", "train_rmse", "ending", "descent", "neuron")
FAULT = {"holding": ["lineage.json"], "dies": "driver"}
"""The first checkpoint after the first exploit is being written."""
Row = dict[str, Any]
Make = Callable[..., Killed]


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


def test_a_killed_population_ends_as_one_that_was_not_killed(make: Make) -> None:
    whole, killed = make(CONFIG, MUTATIONS, OPTIONS), make(CONFIG, MUTATIONS, OPTIONS, FAULT)
    whole.start()
    killed.start()
    assert killed.end(120) == -9, killed.said
    assert [path.name for path in killed.marks.iterdir()] == ["0-driver"]
    assert 10 <= reached(killed) < LAST
    goes_on(killed)
    assert (whole.end(120), killed.end(120)) == (0, 0), killed.said
    expected = told(whole)
    assert sorted(map(list, expected.values())) == [[5, 10]] * 2 + [list(range(5, LAST + 1, 5))] * SIZE
    assert told(killed) == expected
    assert lineages(killed) == lineages(whole)
    assert {row["descent"]["step"] for member in MEMBERS for row in rows(killed, member)} == {0, 10, 20}
    assert all(len(rows(killed, member)) == len(expected[member]) for member in MEMBERS)
