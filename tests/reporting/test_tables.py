import csv
import math

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.hyper_parameters import hyper_parameters
from tuner.reporting.tables import leaderboard, variant_table
from tuner.results.experiment import Entry
from tuner.results.record import Measurement, TrialRecord
from tuner.settings import replaced


def record(name: str, mutations: tuple[str, ...], *curve: float, error: str = "") -> TrialRecord:
    measured = tuple(Measurement(10 * i, rmse, 0.01, 0.2, (), (), (), (), 7.5) for i, rmse in enumerate(curve))
    return TrialRecord(name, mutations, "failed" if error else "finished", measured, 10, 20, error)


def test_the_leaderboard_has_a_row_a_trial_and_the_mean_predictor_last() -> None:
    ranking = (record("b", ("m", "n"), 0.5, 0.3, 0.4), record("base", (), 0.35), record("c", ("o",), error='odd, "x"'))
    rows = list(csv.DictReader(leaderboard(ranking, 0.6).splitlines()))
    assert [row["variant"] for row in rows] == ["b", "base", "c", "mean predictor"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", ""]
    assert [row["rmse"] for row in rows] == ["0.300000", "0.350000", "", "0.600000"]
    assert [row["step"] for row in rows] == ["10", "0", "", ""]
    assert [row["difference_to_base"] for row in rows] == ["-0.050000", "+0.000000", "", ""]
    assert [row["mutations"] for row in rows] == ["m then n", "", "o", ""]
    assert rows[2]["error"] == 'odd, "x"'


def test_a_failed_base_leaves_no_difference() -> None:
    rows = list(csv.DictReader(leaderboard((record("b", ("m",), 0.3), record("base", (), math.nan)), 0.6).splitlines()))
    assert rows[0]["difference_to_base"] == ""


def test_the_dry_runs_table_says_what_changed_and_what_it_costs(config: Config, dataset: Dataset) -> None:
    other = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})
    table = variant_table((Entry("base", config, ()), Entry("fast", other, ("x",))), dataset)
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ["base", "fast"]
    assert columns[1] == ["nothing: the control", "training.learning_rate: 0.01 -> 0.5"]
    # conv 3*4*9 + 4, conv 4*6*9 + 6, dense 6*4*4*8 + 8, logits 8*4 + 4
    assert columns[2] == ["1,146", "1,146"]
    # (108 * 16^2 + 216 * 8^2 + 96 * 8 + 8 * 4) multiply-adds forward, thrice, 20 images, 3 networks
    assert columns[4] == [f"{42272 * 3 * 20 * 3 / 1e9:.1f} G"] * 2


def test_every_setting_is_a_hyper_parameter(config: Config) -> None:
    found = hyper_parameters(replaced(config, {"data": replaced(config.data, {"distortions": {"flip_up_down": {}}})}))
    assert found["model.conv_layers.1.l2_regularization"] == 1e-3
    assert found["data.distortions.flip_up_down"] is True
    assert found["training.precision"] == "fp32"
    assert "training.batch_size" not in found
    assert all(isinstance(value, bool | int | float | str) for value in found.values())
