from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.checkpoint import read_checkpoint, write_checkpoint
from tuner.engine.lineage_pack import LineagePack
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.lineage import Lineage, Phase, single
from tuner.mutation.functions import FUNCTIONS
from tuner.settings import replaced

Make = Callable[[Lineage], LineagePack]


@pytest.fixture
def make(config: Config, dataset: Dataset) -> Make:
    splits = make_splits(config.data, len(dataset.labelled))

    def pack(config: Config) -> Pack:
        return Pack(config, dataset, splits, seed=5, device=torch.device("cpu"))

    return lambda lineage: LineagePack(lineage, splits, pack)


@pytest.fixture
def lineage(config: Config) -> Lineage:
    """At 2 steps the first layer gets wider, at 5 there is a dense layer more."""
    wider = FUNCTIONS["change_conv_layer"](config, layer_id=0, num_filters=7)
    deeper = FUNCTIONS["add_dense_layer"](wider, num_units=12)
    return (*single(config), Phase(2, wider), Phase(5, deeper))


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def test_a_single_config_is_trained_as_by_a_pack(make: Make, config: Config) -> None:
    one, other = make(single(config)), make(single(config))._make(config)
    np.testing.assert_array_equal(one.train(4), other.train(4))
    np.testing.assert_array_equal(one.evaluate(), other.evaluate())


def test_each_phase_begins_at_its_step(make: Make, lineage: Lineage) -> None:
    pack = make(lineage)
    found = []
    for _ in range(7):
        pack.train(1)
        found.append(lineage.index(next(phase for phase in lineage if phase.config == pack.config)))
    assert found == [0, 0, 1, 1, 1, 2, 2]


def test_it_does_not_matter_in_which_portions_a_schedule_is_trained(make: Make, lineage: Lineage) -> None:
    whole, parts = make(lineage), make(lineage)
    losses = whole.train(7)
    portions = [parts.train(steps) * steps for steps in (1, 1, 2, 3)]
    np.testing.assert_allclose(losses, sum(portions) / 7, rtol=1e-12)  # sums of other portions round otherwise
    assert_same(whole.state(), parts.state())


@pytest.mark.parametrize("stop", range(7))
def test_a_schedule_goes_on_where_it_was_saved_bit_for_bit(make: Make, lineage: Lineage, stop: int) -> None:
    whole, first = make(lineage), make(lineage)
    whole.train(7)
    if stop:
        first.train(stop)
    second = make(lineage)
    second.load_state(first.state())
    second.train(7 - stop)
    assert_same(whole.state(), second.state())


def test_a_child_goes_on_from_its_parent_s_state_under_a_longer_lineage(make: Make, lineage: Lineage) -> None:
    parent = make(lineage[:1])
    parent.train(2)
    child, replayed = make(lineage[:2]), make(lineage[:2])
    child.load_state(parent.state())
    np.testing.assert_array_equal(child.evaluate(), parent.evaluate())
    child.train(3)
    replayed.train(5)
    assert_same(child.state(), replayed.state())


def test_what_a_function_preserving_mutation_inherits_predicts_the_same(make: Make, lineage: Lineage) -> None:
    parent = make(lineage)
    parent.train(2)
    heir = parent._make(lineage[1].config)
    inheritance = heir.inherit(parent.state(), parent.config.model)
    assert inheritance.exact
    np.testing.assert_allclose(heir.evaluate(), parent.evaluate(), atol=1e-5)  # the law on function-preserving ones
    assert heir.step == 2


def test_a_diverged_replicate_stays_diverged(make: Make, lineage: Lineage) -> None:
    pack = make(lineage)
    pack.train(1)
    state = pack.state()
    first = next(iter(state["replicates"].values()))
    first["diverged"] = True
    pack.load_state(state)
    losses = pack.train(3)
    assert np.isnan(losses[0])
    assert np.isfinite(losses[1:]).all()


def test_the_lineage_travels_in_the_checkpoint(make: Make, lineage: Lineage, dataset: Dataset, tmp_path: Path) -> None:
    training = Training(make(lineage), dataset.responses)
    next(training.reports())
    write_checkpoint(tmp_path, training.checkpoint())
    assert read_checkpoint(tmp_path).lineage == lineage
    other = Training(make(lineage[:1]), dataset.responses)
    next(other.reports())
    (tmp_path / "other").mkdir()
    write_checkpoint(tmp_path / "other", other.checkpoint())
    assert read_checkpoint(tmp_path / "other").lineage == ()


def test_images_that_are_put_aside_have_no_part_in_what_is_told(make: Make, lineage: Lineage, dataset: Dataset) -> None:
    aside = np.arange(len(dataset.labelled)) % 2 == 0
    training = Training(make(lineage[:1]), dataset.responses, aside_L=aside)
    report = next(training.reports())
    curve = training.checkpoint().out_of_fold
    assert (curve.folds[:, aside] == -1).all()
    assert (curve.folds[:, ~aside] >= 0).all()
    assert np.isnan(curve.predictions[:, :, aside]).all()
    assert np.isfinite(report.predictions[:, aside]).any()  # the fitness is theirs

    changed = dataset.responses.copy()
    changed[aside] = 100.0
    again = next(Training(make(lineage[:1]), changed, aside_L=aside).reports())
    assert again.accuracy.rmse == report.accuracy.rmse


def test_training_to_the_end_knows_no_patience_even_from_a_checkpoint_that_did(
    make: Make, lineage: Lineage, dataset: Dataset
) -> None:
    impatient = Training(make(lineage[:1]), dataset.responses)
    next(impatient.reports())
    last = make(lineage[:1]).config.training.max_steps
    *_, report = Training(make(lineage[:1]), dataset.responses, impatient.checkpoint(), to_the_end=True).reports()
    assert (report.step, report.ending) == (last, "max_steps")


def test_training_to_the_end_goes_on_without_those_that_diverged(make: Make, config: Config, dataset: Dataset) -> None:
    wild = replaced(config, {"training": replaced(config.training, {"learning_rate": 1e30})})
    *_, report = Training(make(single(wild)), dataset.responses, to_the_end=True).reports()
    assert (report.step, report.ending) == (wild.training.max_steps, "max_steps")
    assert np.isnan(report.accuracy.rmse)


def test_a_pack_is_made_only_where_it_is_trained(config: Config, lineage: Lineage, dataset: Dataset) -> None:
    splits, made = make_splits(config.data, len(dataset.labelled)), list[Config]()

    def pack(config: Config) -> Pack:
        made.append(config)
        return Pack(config, dataset, splits, seed=5, device=torch.device("cpu"))

    first = LineagePack(lineage, splits, pack)
    assert (first.config, first.splits, made) == (config, splits, [])
    first.train(4)
    second = LineagePack(lineage, splits, pack)
    made.clear()
    second.load_state(first.state())
    second.train(1)
    assert made == [lineage[1].config]
