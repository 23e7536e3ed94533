"""A network as its layers' names, settings and values: what is inherited from, and what inherits."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig

OUTPUT = -1
"""Place of the output layer among the dense ones."""

EPSILON = 1e-5
"""Of `nn.BatchNorm2d`."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network's architecture with its values.

    Attributes:
        model: The layers.
        net: The `state_dict` of `tuner.model.ConvNet`.
        moments: Adam's `step`, `exp_avg` and `exp_avg_sq` by parameter; empty before the first step.
    """

    model: ModelConfig
    net: Mapping[str, Tensor]
    moments: Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    Attributes:
        name: Of its module.
        settings: From the config.
    """

    name: str
    settings: ConvLayer | DenseLayer | LogitsLayer

    @property
    def weight(self) -> str:
        """The parameter's name."""
        return f"{self.name}.weight"

    @property
    def bias(self) -> str:
        """The parameter's name; with batch normalisation there is none."""
        return f"{self.name}.bias"

    @property
    def norm(self) -> str:
        """The name of its batch normalisation's module; empty without one."""
        normed = isinstance(self.settings, ConvLayer) and self.settings.batch_norm
        return self.name.replace("convs", "norms") if normed else ""


def conv_layers(model: ModelConfig) -> list[Layer]:
    """The convolutional layers, from the image on."""
    return [Layer(f"convs.{index}", layer) for index, layer in enumerate(model.conv_layers)]


def dense_layers(model: ModelConfig) -> list[Layer]:
    """The dense layers and the output layer."""
    inner = [Layer(f"denses.{index}", layer) for index, layer in enumerate(model.dense_layers)]
    return [*inner, Layer("logits", model.logits_layer)]


def weight_and_bias(network: Network, layer: Layer) -> tuple[Tensor, Tensor]:
    """The layer's weight and bias, with its batch normalisation as in evaluation: the same function as one layer."""
    weight = network.net[layer.weight]
    if not layer.norm:
        return weight, network.net[layer.bias]
    mean, var = (network.net[f"{layer.norm}.running_{name}"] for name in ("mean", "var"))
    scale = network.net[f"{layer.norm}.weight"] * torch.rsqrt(var + EPSILON)
    return weight * scale[:, None, None, None], network.net[f"{layer.norm}.bias"] - mean * scale
