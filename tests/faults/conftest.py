"""Experiments whose processes die, none of which outlives its tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.killing import Killed, recording

INJECTED = Path(__file__).parent / "injected"
Make = Callable[..., Killed]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes an experiment by its config, its mutations and options; with faults, it dies of them by itself."""
    made = list[Killed]()

    def experiment(config: str, mutations: str, options: tuple[str, ...], *faults: dict[str, Any]) -> Killed:
        run = Killed(recording(tmp_path_factory.mktemp("user"), config, mutations), options)
        if faults:
            run.marks.mkdir()
            run.environment = {
                "PYTHONPATH": str(INJECTED),
                "TUNER_FAULTS": json.dumps(faults),
                "TUNER_FAULTS_MARKS": str(run.marks),
            }
        made.append(run)
        return run

    yield experiment
    for run in made:
        if run.alive:
            run.kill_driver()
