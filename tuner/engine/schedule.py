"""Which images and which random numbers a replicate gets at each step: pure functions of its seed and the step."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.dataset.splits import Split
from tuner.model import input_shapes
from tuner.seeding import seed_of

RANDOM_BYTES = 8


def is_full_batch(split: Split, batch_size: int | None) -> bool:
    """Whether every step trains on all of the split's images."""
    return batch_size is None or batch_size >= len(split.train)


def rows_of(split: Split, batch_size: int | None, seed: int, step: int) -> npt.NDArray[np.int64]:
    """The labelled images of a step: all of them, or the next `batch_size` of an endless sequence of epochs."""
    if batch_size is None or is_full_batch(split, batch_size):
        return split.train
    epoch, start = divmod(step * batch_size, len(split.train))
    order = np.concatenate([_permuted(split, seed, epoch), _permuted(split, seed, epoch + 1)])
    return order[start : start + batch_size]


def draw_noise(model: ModelConfig, images: int, generator: torch.Generator, seed: int, step: int) -> Tensor | None:
    """The random numbers of all dropouts of one replicate and step: int16 `[B, U]`; None if nothing is dropped.

    They follow from seed and step, on the generator's device, whatever it drew before. Eight bytes a draw: a Bernoulli
    draw for each value took a tenth of a training step.
    """
    units = sum(noise_widths(model))
    if units == 0:
        return None
    generator.manual_seed(seed_of(seed, "dropout", step))
    draws = -(-images * units * 2 // RANDOM_BYTES)
    numbers = torch.empty(draws, dtype=torch.int64, device=generator.device)
    numbers.random_(-(2**63), None, generator=generator)
    return numbers.view(torch.int16)[: images * units].view(images, units)


def noise_widths(model: ModelConfig) -> list[int]:
    """How many random numbers an image needs for each layer with weights; 0 where nothing is dropped."""
    layers: tuple[ConvLayer | DenseLayer | LogitsLayer, ...] = (*model.conv_layers, *model.dense_layers)
    rates = [layer.dropout_rate for layer in (*layers, model.logits_layer)]
    return [int(np.prod(shape)) if rate > 0 else 0 for rate, shape in zip(rates, input_shapes(model), strict=True)]


def _permuted(split: Split, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed_of(seed, "epoch", epoch)).permutation(split.train)
