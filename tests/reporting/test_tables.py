import csv

import pytest

from tests.reporting.conftest import Sample
from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.hyper_parameters import hyper_parameters
from tuner.reporting.tables import leaderboard, variant_table
from tuner.results.entry import Entry
from tuner.settings import replaced


def test_the_leaderboard_has_a_row_a_variant_the_winner_first_and_the_baselines_last(sample: Sample) -> None:
    verdict = sample.verdict
    rows = list(csv.DictReader(leaderboard(verdict).splitlines()))
    assert rows[0]["variant"] == verdict.winner.name
    assert sorted(row["variant"] for row in rows if row["rank"]) == sorted(row.name for row in verdict.standings)
    assert [row["variant"] for row in rows if not row["rank"]] == [row.name for row in verdict.baselines]
    assert verdict.winner.rmse is not None
    assert float(rows[0]["rmse"]) == pytest.approx(verdict.winner.rmse.value, rel=1e-5)
    assert float(rows[0]["rmse_low"]) < float(rows[0]["rmse"]) < float(rows[0]["rmse_high"])
    (control,) = [row for row in rows if row["variant"] == "base"]
    assert control["difference_to_base"] == ""


def test_a_schedules_mutations_say_from_which_step_on(bred: Sample) -> None:
    winner = bred.verdict.winner
    first, *others = zip(winner.mutations, winner.begins, strict=True)
    row = next(csv.DictReader(leaderboard(bred.verdict).splitlines()))
    assert row["mutations"] == " then ".join([first[0], *(f"{name} from step {begin}" for name, begin in others)])


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
