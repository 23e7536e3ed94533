"""How tensors lie in memory while a network is trained."""

import platform

import torch

from tuner.config import ConvLayer, ModelConfig
from tuner.engine.precision import Precision

BLOCK = 16
"""Channels that oneDNN keeps together on x86-64 with AVX-512."""


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


def _fits(layer: ConvLayer, index: int) -> bool:
    """Only the first layer's input is an ordinary tensor, which may be padded unevenly or dropped."""
    uneven = layer.padding == "same" and layer.kernel_size % 2 == 0
    ordinary_input = index == 0 or not (uneven or layer.dropout_rate > 0)
    return layer.num_filters % BLOCK == 0 and not layer.batch_norm and ordinary_input
