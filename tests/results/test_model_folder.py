import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import whole
from tuner.engine.checkpoint import Checkpoint
from tuner.engine.out_of_fold import no_evaluations
from tuner.engine.stopping import Patience
from tuner.errors import InputError
from tuner.results.model_folder import ModelFolder, checkpoints_to_keep
from tuner.results.origin import Origin, origin_of, read_origin
from tuner.results.record import Measurement

ORIGIN = Origin("Made up.", True, "abc", 3)


def measured(*curve: float) -> tuple[Measurement, ...]:
    return tuple(Measurement(i, rmse, 0, 0, (), (), (), (), 0) for i, rmse in enumerate(curve))


def checkpoint(step: int) -> Checkpoint:
    pack = {"step": step, "replicates": {"repeat0-fold0": {"net": {"w": torch.full((2,), float(step))}}}}
    return Checkpoint(pack, Patience(3), None, {}, no_evaluations(whole(5, 1), 5, 2))


def row(step: int) -> dict[str, object]:
    neuron = {metric: {"a": 0.5} for metric in ("rmse", "correlation", "r2")}
    return {"step": step, "rmse": 0.5, "rmse_se": 0.1, "train_rmse": 0.4, "neuron": neuron}


@pytest.mark.parametrize(
    ("curve", "last", "best", "kept"),
    [
        ((0.5, 0.2, 0.3, 0.4, 0.6), 2, 1, {1, 3, 4}),
        ((0.5, 0.2, 0.3, 0.4, 0.6), 1, 3, {1, 2, 3, 4}),
        ((0.5, 0.2), 3, 3, {0, 1}),
        ((math.nan, 0.2, math.nan), 1, 3, {1, 2}),
        ((0.5, 0.2, 0.3), 0, 2, {1, 2}),
        ((), 3, 3, set()),
    ],
)
def test_the_last_and_the_best_are_kept(curve: tuple[float, ...], last: int, best: int, kept: set[int]) -> None:
    assert checkpoints_to_keep(measured(*curve), last, best) == kept


def test_pruning_leaves_the_named_checkpoints(config: Config, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "model")
    folder.begin(config, ORIGIN)
    for number in range(4):
        folder.save(checkpoint(10 * number), number)
    folder.prune({1, 3})
    assert [found.step for found in folder.checkpoints()] == [10, 30]


def test_a_checkpoint_cut_short_is_passed_over(config: Config, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.begin(config, ORIGIN)
    for number in range(2):
        folder.save(checkpoint(number), number)
    (tmp_path / "checkpoint_000001" / "checkpoint.pt").write_bytes(b"PK")
    assert [found.step for found in folder.checkpoints()] == [0]


def test_rows_of_steps_that_will_be_taken_again_are_dropped(config: Config, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.begin(config, ORIGIN)
    for step in (2, 4, 6):
        folder.add_row(row(step))
    folder.keep_rows(4)
    assert [found.step for found in folder.measurements()] == [2, 4]
    assert len([json.loads(line) for line in (tmp_path / "result.json").read_text().splitlines()]) == 2


def test_a_folder_without_a_config_is_no_models_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a model's folder: it has no config\.yaml"):
        ModelFolder(tmp_path).config()


def test_a_model_knows_what_it_is_trained_on(config: Config, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.begin(config, ORIGIN)
    assert folder.origin() == ORIGIN
    (tmp_path / "origin.json").write_text('{"data": "x"}')
    with pytest.raises(InputError, match=r"origin\.json is missing or not whole"):
        folder.origin()


def test_a_folder_that_cannot_be_made_is_the_users_error(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/model cannot be written: Not a directory"):
        ModelFolder(tmp_path / "file" / "model").begin(config, ORIGIN)


@pytest.mark.parametrize(
    "odd", [{"seed": -1}, {"seed": True}, {"seed": 2**63}, {"simulated": 1}, {"fingerprint": None}, {"data": "a\nb"}]
)
def test_an_origin_with_values_that_cannot_be_is_refused(tmp_path: Path, odd: dict[str, object]) -> None:
    (tmp_path / "origin.json").write_text(json.dumps({**vars(ORIGIN), **odd}))
    with pytest.raises(InputError, match=r"origin\.json is missing or not whole"):
        ModelFolder(tmp_path).origin()


def test_files_in_another_encoding_are_no_traceback(config: Config, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.begin(config, ORIGIN)
    folder.add_row(row(2))
    with (tmp_path / "result.json").open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert [found.step for found in folder.measurements()] == [2]
    (tmp_path / "origin.json").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"origin\.json is missing or not whole"):
        folder.origin()


def test_the_origin_of_data_in_an_odd_folder_is_one_line(dataset: Dataset) -> None:
    origin = origin_of(replace(dataset, source="a\nb\udc80" + "x" * 4000), 3)
    assert origin.data.startswith("Responses in `a\\nb\\udc80xxx")
    assert read_origin(origin.dump(), "there") == origin
