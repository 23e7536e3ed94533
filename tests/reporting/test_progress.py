import math
from pathlib import Path

import pytest

from tuner.reporting.progress import Progress
from tuner.results.record import Measurement


def measured(step: int, rmse: float, ending: str = "") -> Measurement:
    return Measurement(step, rmse, 0.01, 0.2, (), (), (), (), 12.0, ending)


def test_every_trial_that_ends_has_one_line_with_its_best_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(("base", "a-longer-name", "bad", "wild"), done=0, best={}) as progress:
        for step, rmse in ((5, 0.5), (10, 0.3), (15, 0.4)):
            progress.measured("base", Path(), measured(step, rmse))
        progress.measured("wild", Path(), measured(5, 0.6))
        progress.measured("wild", Path(), measured(10, math.nan, "diverged"))
        progress.ended("base", "")
        progress.ended("bad", "MemoryError: no")
        progress.ended("wild", "")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[1/4] base ")
    assert "lowest rmse 0.3000 ± 0.0100 at step 10" in lines[0]
    assert lines[1] == "[2/4] bad            FAILED: MemoryError: no"
    assert "lowest rmse 0.6000" in lines[2]
    assert "DIVERGED after step 10" in lines[2]


def test_a_resumed_run_counts_what_ended_and_knows_what_was_measured_before(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(("a", "b"), done=1, best={"b": measured(3, 0.4)}) as progress:
        progress.measured("b", Path(), measured(5, 0.5))
        progress.ended("b", "")
    assert capsys.readouterr().out.startswith("[2/2] b  lowest rmse 0.4000 ± 0.0100 at step 3")
