from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.engine.out_of_fold import OutOfFold
from tuner.results.entry import Entry
from tuner.results.evidence import Evidence
from tuner.results.record import Measurement, TrialRecord
from tuner.selection.measured import Measured

L, N = 60, 4
AT_FIRST = Measurement(5, 0.4, 0.01, 0.4, (), (), (), (), 1.0, "max_steps")
FOLDS = np.arange(L) % 5


def curve(*levels_of_rounds: tuple[float, float], seed: int) -> OutOfFold:
    """Two evaluations; the standard deviation of the errors at each of them, a pair a round."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((len(levels_of_rounds), L, N))
    levels = np.array(levels_of_rounds).T[:, :, None, None]
    folds = np.tile(FOLDS, (len(levels_of_rounds), 1))
    return OutOfFold(np.array([5, 10]), (levels * noise).astype(np.float32), folds)


@pytest.fixture
def evidence(config: Config) -> Evidence:
    """After the first round: `worse` is clearly worse than the base config at its best step so far."""
    return Evidence(
        entries=tuple(Entry(name, config, ()) for name in ("base", "other", "worse")),
        records=tuple(TrialRecord(name, (), "finished", (AT_FIRST,), 1, 1) for name in ("base", "other", "worse")),
        search={},
        finals={
            "base": curve((0.2, 0.4), seed=1),
            "other": curve((0.2, 0.4), seed=2),
            "worse": curve((0.42, 0.42), seed=3),
        },
        failed={},
        finals_seconds={},
        responses=np.zeros((L, N), np.float32),
        neurons=tuple("abcd"),
        baselines={},
        baseline_folds=np.empty((0, L), dtype=np.int64),
        noise_rmse=None,
        seed=0,
    )


def test_what_a_later_round_shows_changes_no_earlier_look(evidence: Evidence) -> None:
    before = Measured(evidence, looks=2).course
    assert (before.rounds, before.dropped, before.alive) == (1, {"worse": 1}, ("base", "other"))
    second = {name: curve((0.2, 0.4), (2.0, 0.4), seed=seed) for name, seed in (("base", 1), ("other", 2))}
    partly = replace(evidence, finals={**evidence.finals, "base": second["base"]})
    assert Measured(partly, looks=2).course == before
    after = Measured(replace(evidence, finals={**evidence.finals, **second}), looks=2).course
    assert (after.rounds, after.dropped, after.alive) == (2, {"worse": 1}, ("base", "other"))
