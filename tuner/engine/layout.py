"""How tensors lie in memory while a network is trained."""

import math
import platform

import torch

from tuner.config import Config, ConvLayer, ModelConfig
from tuner.cost import BYTES_PER_FLOAT, cost_of
from tuner.engine.precision import Precision

BLOCK = 16
"""Channels that oneDNN keeps together on x86-64 with AVX-512."""

KEPT_BYTES = 2**27
"""Of activations at a time. For 441 images, 32 and 64 filters it makes 2 parts: 330 MB less, for 6 % more time."""


def is_blocked(model: ModelConfig, precision: Precision, device: torch.device) -> bool:
    """Whether convolutions run in oneDNN's own layout, rather than channels last.

    It saves a quarter of a training step where channels fill their blocks (measured on a Xeon: 716 to 539 ms for 32 and
    64 filters, 75 to 53 ms for 16), mostly in pooling, and loses where they do not (185 to 259 ms for 6 and 12). A rule
    and not a measurement, so that every run of an experiment rounds alike.
    """
    usable = device.type == "cpu" and precision == "fp32" and torch.backends.mkldnn.is_available()
    wide = platform.machine() in ("x86_64", "AMD64") and "AVX512" in torch.backends.cpu.get_cpu_capability()
    layers = model.conv_layers
    return usable and wide and bool(layers) and all(_fits(layer, index) for index, layer in enumerate(layers))


def memory_format(blocked: bool) -> torch.memory_format:
    """Of images and weights."""
    return torch.contiguous_format if blocked else torch.channels_last


def micro_batches(config: Config, images: int, device: torch.device) -> int:
    """In how many parts a step's images pass through a network, so that what is kept for the backward pass stays small.

    On a CPU only. Batch normalisation needs all images of a step at once.
    """
    if device.type != "cpu" or any(layer.batch_norm for layer in config.model.conv_layers):
        return 1
    kept = BYTES_PER_FLOAT * images * cost_of(config.model, config.model.num_classes or 0).activations
    return max(1, math.ceil(kept / KEPT_BYTES))


def _fits(layer: ConvLayer, index: int) -> bool:
    """Only the first layer's input is an ordinary tensor, which may be padded unevenly or dropped."""
    uneven = layer.padding == "same" and layer.kernel_size % 2 == 0
    ordinary_input = index == 0 or not (uneven or layer.dropout_rate > 0)
    return layer.num_filters % BLOCK == 0 and not layer.batch_norm and ordinary_input
