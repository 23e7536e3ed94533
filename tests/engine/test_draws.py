import numpy as np
import pytest
import torch

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.dataset.splits import Split
from tuner.engine.draws import Noise, is_full_batch, noise_widths, rows_of

MODEL = ModelConfig(
    image_size=8,
    conv_layers=(ConvLayer(num_filters=4, kernel_size=3, dropout_rate=0.1), ConvLayer(num_filters=5, kernel_size=3)),
    dense_layers=(DenseLayer(num_units=7, dropout_rate=0.4),),
    logits_layer=LogitsLayer(dropout_rate=0.4),
)
SPLIT = Split(0, 0, np.array([1, 2, 5, 7, 8]), np.array([0, 3, 4, 6]))


def drawn(images: int, seed: int, step: int) -> torch.Tensor:
    noise = Noise(MODEL, torch.device("cpu")).draw(images, seed, step)
    assert noise is not None
    return noise


def test_noise_is_drawn_for_what_is_dropped_only() -> None:
    assert noise_widths(MODEL) == [3 * 8 * 8, 0, 5 * 2 * 2, 7]
    assert Noise(ModelConfig(image_size=8), torch.device("cpu")).draw(5, 1, 2) is None


def test_noise_follows_from_seed_and_step_alone() -> None:
    one, again, other_seed, other_step = (drawn(5, seed, step) for seed, step in ((1, 2), (1, 2), (2, 2), (1, 3)))
    assert one.shape == (5, 219)
    assert one.dtype == torch.int16
    assert torch.equal(one, again)
    assert not torch.equal(one, other_seed)
    assert not torch.equal(one, other_step)


def test_noise_is_uniform_over_all_its_values() -> None:
    noise = drawn(20_000, 1, 2)
    count = noise.numel()
    shares = torch.bincount((noise.flatten().int() + 2**15) // 2**12) / count
    # 16 equal bins; five standard deviations of a share.
    np.testing.assert_allclose(shares.numpy(), 1 / 16, atol=5 * (1 / 16 / count) ** 0.5)
    lanes = noise.flatten()[: count // 4 * 4].view(-1, 4)  # eight bytes are drawn at once: no lane lacks a sign
    np.testing.assert_allclose((lanes < 0).float().mean(0).numpy(), 0.5, atol=5 * 0.5 / (count / 4) ** 0.5)


@pytest.mark.parametrize(("size", "full"), [(None, True), (4, False), (5, True), (6, True)])
def test_a_batch_as_large_as_the_split_is_all_of_it(size: int | None, full: bool) -> None:
    assert is_full_batch(SPLIT, size) == full
    rows = rows_of(SPLIT, size, seed=3, step=1)
    assert len(rows) == (5 if full else 4)
    assert set(rows) <= set(SPLIT.train)
