import json
import math

import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.loop import Report
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.results.record import Measurement, TrialRecord, measurement_of, read_rows, row_of


@pytest.fixture(scope="module")
def reports(config: Config, dataset: Dataset) -> list[Report]:
    pack = Pack(config, dataset, make_splits(config.data, 30), seed=1, device=torch.device("cpu"))
    return list(Training(pack, dataset.responses).reports())


def measured(step: int, rmse: float, ending: str = "") -> Measurement:
    return Measurement(step, rmse, 0.1, 0.2, ("a",), (rmse,), (0.5,), (0.4,), 1.0, ending)


def record(*curve: float) -> TrialRecord:
    return TrialRecord("v", (), "finished", tuple(measured(step, rmse) for step, rmse in enumerate(curve)), 10, 20)


def test_a_report_survives_its_way_through_a_row_of_json(reports: list[Report], dataset: Dataset) -> None:
    for report in reports:
        row = json.loads(json.dumps({**row_of(report, dataset.neurons), "time_total_s": 3.5}))
        found, accuracy = measurement_of(row), report.accuracy
        assert (found.step, found.rmse, found.rmse_se) == (report.step, accuracy.rmse, accuracy.rmse_se)
        assert found.neurons == dataset.neurons
        assert found.neuron_rmse == accuracy.neuron_rmse
        assert found.neuron_r2 == accuracy.neuron_r2
        assert found.seconds == 3.5
        assert found.ending == (report.ending or "")


def test_rows_cut_short_or_foreign_are_left_out_and_repeated_steps_taken_once(reports: list[Report]) -> None:
    rows = [json.dumps(row_of(report, ("a", "b", "c", "d"))) for report in reports[:3]]
    text = "\n".join([rows[1], rows[0], '{"step": 7}', "[1]", rows[1], rows[2][:40]])
    assert [row.step for row in read_rows(text)] == [reports[0].step, reports[1].step]


def test_the_best_evaluation_is_the_lowest_of_the_curve_and_not_the_last() -> None:
    best = record(0.5, 0.3, 0.4, math.nan).best
    assert best is not None
    assert best.step == 1


def test_a_curve_without_a_number_has_no_best() -> None:
    assert record(math.nan, math.nan).best is None
    assert record().best is None


@pytest.mark.parametrize("row", ['{"step": Infinity}', '{"step": 1, "rmse": 1%s}' % ("0" * 400), "[" * 100_000])
def test_rows_that_no_number_holds_are_left_out(reports: list[Report], row: str) -> None:
    whole = row_of(reports[0], ("a", "b", "c", "d"))
    text = "\n".join(
        [json.dumps(whole), row, json.dumps({**whole, "step": 9}).replace('"step": 9', '"step": Infinity')]
    )
    assert [found.step for found in read_rows(text)] == [reports[0].step]


@pytest.mark.parametrize("odd", ['"x"', "null", "[1]", "{}"])
def test_rows_whose_values_are_no_numbers_are_left_out(reports: list[Report], odd: str) -> None:
    row = row_of(reports[0], ("a", "b", "c", "d"))
    for metric in ("rmse", "correlation", "r2"):
        changed = {**row, "neuron": {**row["neuron"], metric: {**row["neuron"][metric], "b": "odd"}}}
        assert read_rows(json.dumps(changed).replace('"odd"', odd)) == ()


@pytest.mark.parametrize("step", [-1, 2**63, 1e300])
def test_rows_of_steps_that_are_never_taken_are_left_out(reports: list[Report], step: float) -> None:
    assert read_rows(json.dumps({**row_of(reports[0], ("a", "b", "c", "d")), "step": step})) == ()


def test_rows_of_neurons_whose_names_cannot_be_printed_are_left_out(reports: list[Report]) -> None:
    assert read_rows(json.dumps(row_of(reports[0], ("a", "b", "c", "\ud800")))) == ()
