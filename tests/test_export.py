from pathlib import Path

import pytest
import torch

from tuner.config import Config
from tuner.dataset.splits import whole
from tuner.engine.checkpoint import Checkpoint
from tuner.engine.out_of_fold import no_evaluations
from tuner.engine.stopping import Patience
from tuner.errors import InputError
from tuner.export import choose
from tuner.lineage import Lineage, Phase
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import Origin
from tuner.settings import replaced

NETWORK = "repeat0-fold0"


def checkpoint(step: int, weight: float, best: tuple[int, float], lineage: Lineage) -> Checkpoint:
    pack = {"step": step, "replicates": {NETWORK: {"net": {"w": torch.tensor(weight)}}}}
    best_weights = {NETWORK: {"w": torch.tensor(best[1])}}
    return Checkpoint(pack, Patience(3), best[0], best_weights, no_evaluations(whole(5, 1), 5, 2), lineage)


def row(step: int, rmse: float, donor: str = "") -> dict[str, object]:
    neuron = {metric: {"a": rmse} for metric in ("rmse", "correlation", "r2")}
    descent = {"step": 4 if donor else 0, "donor": donor, "mutations": [], "inherited": ""}
    return {"step": step, "rmse": rmse, "rmse_se": 0.1, "train_rmse": 0.4, "neuron": neuron, "descent": descent}


def model(path: Path, config: Config, rows: list[dict[str, object]]) -> ModelFolder:
    folder = ModelFolder(path)
    folder.begin(config, Origin("Made up.", True, "abc", 3))
    for each in rows:
        folder.add_row(each)
    return folder


@pytest.fixture
def later(config: Config) -> Config:
    return replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})


@pytest.fixture
def member(config: Config, later: Config, tmp_path: Path) -> ModelFolder:
    """At step 4 it went on from `donor`, whose networks were best at step 2."""
    model(tmp_path / "donor", config, [row(2, 0.2), row(4, 0.4)])
    folder = model(tmp_path / "member", later, [row(2, 0.7), row(4, 0.8), row(6, 0.3, "donor")])
    folder.save(checkpoint(2, 12.0, (2, 12.0), ()), 0)
    folder.save(checkpoint(4, 14.0, (2, 12.0), ()), 1)
    folder.save(checkpoint(6, 6.0, (2, 2.0), (Phase(0, config), Phase(4, later, ("a",), "donor"))), 2)
    return folder


def test_a_replaced_members_best_step_is_that_of_the_networks_it_went_on_from(
    member: ModelFolder, config: Config
) -> None:
    weights, found, measurement = choose(member, "best")
    assert weights[NETWORK]["w"] == 2.0
    assert (found, measurement.step, measurement.rmse) == (config, 2, 0.2)


def test_a_replaced_members_last_step_is_its_own(member: ModelFolder, later: Config) -> None:
    weights, found, measurement = choose(member, "last")
    assert weights[NETWORK]["w"] == 6.0
    assert (found, measurement.rmse) == (later, 0.3)


def test_what_a_member_was_before_it_was_replaced_is_a_checkpoint_too(member: ModelFolder) -> None:
    weights, _, measurement = choose(member, "4")
    assert weights[NETWORK]["w"] == 14.0
    assert measurement.rmse == 0.8


def test_a_schedule_that_is_replayed_has_its_rows_itself(config: Config, later: Config, tmp_path: Path) -> None:
    """The donors of its lineage are trials of the search; those beside it have done what it has done."""
    rows = [{name: value for name, value in row(step, 0.1 * step).items() if name != "descent"} for step in (2, 6)]
    folder = model(tmp_path / "replayed", later, rows)
    model(tmp_path / "donor", config, [row(2, 0.9)])
    folder.save(checkpoint(6, 6.0, (2, 2.0), (Phase(0, config), Phase(4, later, ("a",), "donor"))), 0)
    weights, found, measurement = choose(folder, "best")
    assert weights[NETWORK]["w"] == 2.0
    assert (found, measurement.rmse) == (config, 0.2)


@pytest.mark.parametrize("step", ["3", "first", "-1", "", "9" * 5000])
def test_a_step_without_a_checkpoint_is_the_users_error(member: ModelFolder, step: str) -> None:
    with pytest.raises(InputError, match=r"has no checkpoint of step .*; it has 2, 4, 6, last and best"):
        choose(member, step)


def test_a_folder_without_checkpoints_is_the_users_error(config: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no whole checkpoint"):
        choose(model(tmp_path / "empty", config, []), "last")
