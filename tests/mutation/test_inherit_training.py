"""A child trains on where its parent was."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.mutation.networks import (
    PARENTS,
    ROWS,
    mutated,
)
from tuner.config import Config, ModelConfig
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split
from tuner.engine.pack import Pack


@pytest.fixture(scope="module")
def noisy() -> Dataset:
    """60 images of 20 px and 4 neurons that follow the images' brightness, with noise and gaps."""
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 128, (60, 20, 20, 3)) + rng.integers(0, 128, (60, 1, 1, 3))).astype(np.uint8)
    level = images.mean(axis=(1, 2))[:, [0, 1, 2, 0]] / 255
    responses = (1 + 2 * level + 0.3 * rng.standard_normal(level.shape)).astype(np.float32)
    responses[40:, 1] = np.nan
    return Dataset(images, responses, np.arange(60), ("a", "b", "c", "d"), "somewhere")


def pack_of(config: Config, dataset: Dataset, seed: int) -> Pack:
    split = Split(0, 0, train=np.arange(48), held_out=np.arange(48, 60))
    return Pack(config, dataset, (split,), seed=seed, device=torch.device("cpu"))


def loss_after_5_steps(pack: Pack) -> float:
    pack.train(5)
    return float(pack.train(1)[0])


@pytest.fixture(scope="module", params=PARENTS)
def trained(request: pytest.FixtureRequest, noisy: Dataset) -> tuple[Pack, float]:
    """A parent after 20 steps, and its loss five steps later."""
    pack, later = (pack_of(PARENTS[request.param], noisy, seed=1) for _ in range(2))
    pack.train(20)
    later.load_state(pack.state())
    return pack, loss_after_5_steps(later)


KEPT, NEW, OTHER, DELETED = 1.25, 1.6, 2.2, 7.5


def margin(parent: ModelConfig, child: ModelConfig, exact: bool) -> float:
    """How many times the parent's loss the child's may be: about 1.2 times the most that was measured."""
    if len(rates(child)) < len(rates(parent)):
        return DELETED  # 6.25
    if not exact:
        return OTHER  # 1.79
    # 1.29: dropout, or a layer so wide that Adam's first steps of its many new weights are felt; else 1.11
    wide = any(layer.num_units > 100 for layer in child.dense_layers)
    return NEW if wide or max(rates(child)) > 0 else KEPT


def rates(model: ModelConfig) -> list[float]:
    return [layer.dropout_rate for layer in (*model.conv_layers, *model.dense_layers, model.logits_layer)]


@pytest.mark.parametrize(("function", "arguments", "exact"), ROWS)
def test_training_goes_on_where_the_parent_was(
    function: str, arguments: dict[str, Any], exact: bool, trained: tuple[Pack, float], noisy: Dataset
) -> None:
    parent, wanted = trained
    config = mutated(parent.config, function, arguments)
    limit = margin(parent.config.model, config.model, exact)
    child, new = (pack_of(config, noisy, seed=2) for _ in range(2))
    assert child.inherit(parent.state(), parent.config.model).exact == exact
    loss, other = loss_after_5_steps(child), loss_after_5_steps(new)
    assert loss < limit * wanted
    if limit == KEPT:
        assert loss < other
