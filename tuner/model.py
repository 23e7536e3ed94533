"""The network: convolutions, dense layers, one output a neuron."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.cost import flat_width

IMAGE_CENTRE = 0.5
"""Subtracted from the image, so that its values lie around zero, where zero padding is neutral."""


class ConvNet(nn.Module):
    """A network from images `[B, 3, S, S]` in 0..1 to responses `[B, N]`, which are not negative.

    Args:
        config: The layers.
        num_neurons: N.
        generator: Draws the first weights: Glorot and Bengio's (2010) uniform distribution, biases zero.
    """

    def __init__(self, config: ModelConfig, num_neurons: int, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        channels = 3
        convs, norms, denses = [], [], []
        for layer in config.conv_layers:
            convs.append(skip_init(nn.Conv2d, channels, layer.num_filters, layer.kernel_size, padding=_padding(layer)))
            norms.append(nn.BatchNorm2d(layer.num_filters) if layer.batch_norm else nn.Identity())
            channels = layer.num_filters
        units = flat_width(config)
        for dense in config.dense_layers:
            denses.append(skip_init(nn.Linear, units, dense.num_units))
            units = dense.num_units
        self.convs, self.norms, self.denses = nn.ModuleList(convs), nn.ModuleList(norms), nn.ModuleList(denses)
        self.logits = skip_init(nn.Linear, units, num_neurons)
        for _, module in self.weighted_layers():
            _initialise(module, generator)

    def forward(self, images_BCHW: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Responses `[B, N]`. While training, dropout draws from `generator`.

        Pooling comes before ReLU: both orders give the same values, and this one has less to rectify.
        """
        x = images_BCHW - IMAGE_CENTRE
        for layer, conv, norm in zip(self.config.conv_layers, self.convs, self.norms, strict=True):
            x = self._dropout(x, layer.dropout_rate, generator)
            x = norm(conv(_padded(x, layer)))
            if layer.pool_size > 1:
                x = functional.max_pool2d(x, layer.pool_size)
            x = functional.relu(x)
        x = x.flatten(1)
        for dense, linear in zip(self.config.dense_layers, self.denses, strict=True):
            x = functional.relu(linear(self._dropout(x, dense.dropout_rate, generator)))
        return functional.relu(self.logits(self._dropout(x, self.config.logits_layer.dropout_rate, generator)))

    def weighted_layers(self) -> Iterator[tuple[ConvLayer | DenseLayer | LogitsLayer, nn.Conv2d | nn.Linear]]:
        """Each layer's settings with the module that holds its weights, from image to responses."""
        yield from zip(self.config.conv_layers, self.convs, strict=True)
        yield from zip(self.config.dense_layers, self.denses, strict=True)
        yield self.config.logits_layer, self.logits

    def penalty(self) -> Tensor:
        """The sum over layers of `l2_regularization * sum(w^2) / 2`; biases are not penalised."""
        terms = [
            layer.l2_regularization * module.weight.square().sum() / 2
            for layer, module in self.weighted_layers()
            if layer.l2_regularization > 0
        ]
        return torch.stack(terms).sum() if terms else self.logits.weight.new_zeros(())

    def _dropout(self, x: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
        if not self.training or rate == 0:
            return x
        assert generator is not None, "training with dropout needs a generator"
        keep = torch.empty_like(x).bernoulli_(1 - rate, generator=generator)
        return x * keep.div_(1 - rate)


def _padding(layer: ConvLayer) -> int:
    """Zeros on each side of the image; an even kernel needs one more on the right and below, see `_padded`."""
    return (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0


def _padded(x: Tensor, layer: ConvLayer) -> Tensor:
    uneven = layer.padding == "same" and layer.kernel_size % 2 == 0
    return functional.pad(x, (0, 1, 0, 1)) if uneven else x


def _initialise(module: nn.Conv2d | nn.Linear, generator: torch.Generator) -> None:
    fan_out, fan_in = module.weight.shape[0], module.weight[0].numel()
    receptive = module.weight[0][0].numel() if isinstance(module, nn.Conv2d) else 1
    limit = math.sqrt(6 / (fan_in + fan_out * receptive))
    with torch.no_grad():
        module.weight.uniform_(-limit, limit, generator=generator)
        if module.bias is not None:
            module.bias.zero_()
