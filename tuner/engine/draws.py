"""Which images and which random numbers a replicate gets at each step: pure functions of its seed and the step."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.dataset.splits import Split
from tuner.model import input_shapes
from tuner.seeding import seed_of

DRAW_BYTES = 8


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


class Noise:
    """Draws the random numbers of dropout. On a GPU they are others than on a CPU.

    Eight bytes a draw: a Bernoulli draw for each value took a tenth of a training step.

    Args:
        model: Decides how many an image needs.
        device: Where they are wanted.
    """

    def __init__(self, model: ModelConfig, device: torch.device) -> None:
        self._units = sum(noise_widths(model))
        self._generator = None if device.type == "cpu" else torch.Generator(device)

    def draw(self, images: int, seed: int, step: int) -> Tensor | None:
        """The numbers of a replicate for all dropouts of a step: int16 `[B, U]`; None if nothing is dropped."""
        if self._units == 0:
            return None
        draws = -(-images * self._units * 2 // DRAW_BYTES)
        numbers = self._numbers(draws, seed_of(seed, "dropout", step))
        return numbers[: images * self._units].view(images, self._units)

    def _numbers(self, draws: int, seed: int) -> Tensor:
        if self._generator is None:
            # NumPy's SFC64 takes six tenths of the time of PyTorch's Mersenne Twister.
            generator = np.random.Generator(np.random.SFC64(seed))
            return torch.from_numpy(generator.integers(2**64, size=draws, dtype=np.uint64).view(np.int16))
        numbers = torch.empty(draws, dtype=torch.int64, device=self._generator.device)
        return numbers.random_(-(2**63), None, generator=self._generator.manual_seed(seed)).view(torch.int16)


def noise_widths(model: ModelConfig) -> list[int]:
    """How many random numbers an image needs for each layer with weights; 0 where nothing is dropped."""
    layers: tuple[ConvLayer | DenseLayer | LogitsLayer, ...] = (*model.conv_layers, *model.dense_layers)
    rates = [layer.dropout_rate for layer in (*layers, model.logits_layer)]
    return [int(np.prod(shape)) if rate > 0 else 0 for rate, shape in zip(rates, input_shapes(model), strict=True)]


def _permuted(split: Split, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed_of(seed, "epoch", epoch)).permutation(split.train)
