from dataclasses import replace

import pytest

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.mutation.expand import Expansion, Variant
from tuner.reporting.summary import SHOWN, announcement, summary
from tuner.results.folder import Folder
from tuner.results.record import Measurement, Status, TrialRecord
from tuner.results.verdict import Verdict


def record(name: str, rmse: float, status: Status = "finished", error: str = "") -> TrialRecord:
    return TrialRecord(name, (), status, (Measurement(10, rmse, 0.01, 0.2, (), (), (), (), 1.0),), 10, 20, error)


def lines_of(dataset: Dataset, mean_predictor_rmse: float, *, promoted: bool = True) -> list[str]:
    winner, base = record("fast", 0.30), record("base", 0.35)
    ranking = (winner, base, record("huge", 0.1, "failed", "MemoryError: no"))
    assert winner.best is not None
    verdict = Verdict(ranking, winner, winner.best, Config(), base.best, mean_predictor_rmse, "it is quick")
    return summary(verdict, dataset, Folder("/results/g/n"), promoted=promoted)


def test_the_winner_stands_beside_the_base_config_and_the_mean_predictor(dataset: Dataset) -> None:
    lines = lines_of(dataset, 0.4)
    assert "best variant: fast, since it is quick" in lines
    assert "  its rmse        0.3000 ± 0.0100 at step 10" in lines
    assert "                  (lowest of its curve and of 2 variants: expect more on new images)" in lines
    assert "  base config     0.3500 ± 0.0100 at step 10" in lines
    assert "  mean predictor  0.4000" in lines
    assert "  failed: huge (MemoryError: no)" in lines
    assert "bundle:      /results/g/n/best" in lines


@pytest.mark.parametrize(("mean_predictor_rmse", "warned"), [(0.3, True), (0.29, True), (0.31, False)])
def test_a_winner_no_better_than_the_mean_predictor_is_called_that(
    dataset: Dataset, mean_predictor_rmse: float, warned: bool
) -> None:
    lines = lines_of(dataset, mean_predictor_rmse)
    assert any("NO BETTER than predicting each neuron's mean" in line for line in lines) is warned


def test_a_bundle_is_announced_only_if_there_is_one(dataset: Dataset) -> None:
    assert not any(line.startswith("bundle") for line in lines_of(dataset, 0.4, promoted=False))


def test_the_announcement_says_what_data_it_is_first_and_stays_short(dataset: Dataset) -> None:
    repeated = tuple((f"way{number}", "base") for number in range(SHOWN + 3))
    lines = announcement(dataset, Expansion((Variant("base", Config()),), repeated, ("no",)), Config())
    assert lines[0] == "data in somewhere: 30 labelled images of 36, 4 neurons"
    assert lines[1] == "1 variants, the control `base` among them; 20 images held out"
    assert lines[2] == "  way0 gives the same config as base: one trial"
    assert lines[2 + SHOWN :] == ["  and 3 more like the last", "  left out: no"]
    simulated = announcement(replace(dataset, source="simulated"), Expansion((), (), ()), Config())
    assert simulated[0].startswith("SIMULATED data")
