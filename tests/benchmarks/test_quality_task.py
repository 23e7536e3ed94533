import numpy as np
import pytest
import torch

from benchmarks.quality_task import COUNTS, Task, name_of, task_of
from tuner.dataset.load import Dataset


def task(dataset: Dataset, variants: int, seed: int) -> Task:
    return task_of(dataset, private=8, variants=variants, max_steps=4, seed=seed, cpus=1)


def test_no_search_sees_a_private_image_and_every_seed_has_the_same_ones(dataset: Dataset) -> None:
    one, other = (task(dataset, 3, seed) for seed in (0, 1))
    assert len(one.private_images_BHWC) == 8
    assert len(one.dataset.labelled) == len(one.dataset.responses) == len(dataset.labelled) - 8
    seen = {image.tobytes() for image in dataset.images[one.dataset.labelled]}
    assert not any(image.tobytes() in seen for image in one.private_images_BHWC)
    assert np.array_equal(one.private_images_BHWC, other.private_images_BHWC)
    assert np.array_equal(one.private_responses_BN, other.private_responses_BN, equal_nan=True)


@pytest.mark.parametrize("count", COUNTS)
def test_variants_are_as_many_as_asked_for_each_once_in_an_order_of_the_seeds(dataset: Dataset, count: int) -> None:
    one, other = (task(dataset, count, seed).variants for seed in (0, 1))
    assert len({name_of(variant) for variant in one}) == len(one) == count
    assert sorted(map(name_of, one)) == sorted(map(name_of, other))


def test_the_mean_predictor_is_scored_on_the_private_images(dataset: Dataset) -> None:
    found = task(dataset, 3, 0)
    mean_N = torch.from_numpy(np.nanmean(found.dataset.responses, axis=0))
    error = mean_N.numpy() - found.private_responses_BN
    assert found.mean_predictor == pytest.approx(np.sqrt(np.nanmean(error**2)), rel=1e-6)
