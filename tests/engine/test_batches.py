from dataclasses import replace

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.batches import Batch, Batches
from tuner.engine.images import Images
from tuner.engine.layout import KEPT_BYTES, micro_batches
from tuner.settings import replaced

CPU = torch.device("cpu")


def batches(config: Config, dataset: Dataset, count: int) -> Batches:
    images = Images(config, dataset, seed=1, device=CPU, memory_format=torch.channels_last)
    splits = make_splits(config.data, len(dataset.labelled))[:count]
    return Batches(config, images, splits, tuple(range(count)))


def test_replicates_of_a_stack_share_the_images_and_count_what_is_theirs(config: Config, dataset: Dataset) -> None:
    batch = batches(config, dataset, 3).at(0)
    assert batch.images.shape == (1, 30, 3, 16, 16)
    assert batch.used is not None
    for index, split in enumerate(make_splits(config.data, 30)):
        assert batch.used[index].nonzero().flatten().tolist() == split.train.tolist()
        assert batch.responses[index, split.held_out].isnan().all()
        np.testing.assert_array_equal(batch.responses[index, split.train], dataset.responses[split.train])


def test_each_repeat_of_a_stack_sees_its_own_distortions(config: Config, dataset: Dataset) -> None:
    data = replaced(config.data, {"repeats": 2, "distortions": {"brightness": {"max_factor": 0.5}}})
    batch = batches(replaced(config, {"data": data}), dataset, 6).at(0)
    assert batch.images.shape[0] == 2
    assert not torch.equal(batch.images[0], batch.images[1])


def test_a_replicate_drops_the_same_values_alone_and_in_a_stack(config: Config, dataset: Dataset) -> None:
    alone, stacked = batches(config, dataset, 1).at(4), batches(config, dataset, 3).at(4)
    split = make_splits(config.data, 30)[0]
    assert alone.noise is not None
    assert stacked.noise is not None
    assert torch.equal(alone.noise[0], stacked.noise[0, split.train])


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_parts_of_a_batch_are_the_batch(config: Config, dataset: Dataset, count: int) -> None:
    batch = batches(config, dataset, 3).at(0)
    parts = list(batch.split(count))
    assert len(parts) == min(count, 30)
    for name, tensor in batch.tensors().items():
        assert torch.equal(torch.cat([part.tensors()[name] for part in parts], dim=1).nan_to_num(), tensor.nan_to_num())


def test_what_is_absent_has_no_tensor() -> None:
    tensor = torch.zeros(1, 2)
    assert list(Batch(tensor, tensor, None, None).tensors()) == ["images", "responses"]


def test_a_shared_data_set_is_only_read(config: Config, dataset: Dataset) -> None:
    """Ray shares arrays between processes, which may not write them."""
    images, responses = dataset.images.copy(), dataset.responses.copy()
    images.flags.writeable = responses.flags.writeable = False
    batch = batches(config, replace(dataset, images=images, responses=responses), 1).at(0)
    assert batch.images.shape == (1, 20, 3, 16, 16)


def test_a_step_passes_through_in_parts_that_bound_its_memory(config: Config) -> None:
    """Of 4 and 6 filters on 16 px, an image keeps 3.6 thousand numbers."""
    normed = tuple(replaced(layer, {"batch_norm": True}) for layer in config.model.conv_layers)
    assert micro_batches(config, 441, CPU) == 1
    kept = cost_of(config.model, 4).activations * 4
    assert micro_batches(config, KEPT_BYTES // kept, CPU) == 1
    assert micro_batches(config, KEPT_BYTES // kept + 1, CPU) == 2
    assert micro_batches(config, 16 * KEPT_BYTES // kept, CPU) == 16
    assert micro_batches(config, 16 * KEPT_BYTES // kept, torch.device("cuda")) == 1
    with_norm = replaced(config, {"model": replaced(config.model, {"conv_layers": normed})})
    assert micro_batches(with_norm, 16 * KEPT_BYTES // kept, CPU) == 1
