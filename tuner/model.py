"""The network: convolutions, dense layers, one output a neuron."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig, conv_width
from tuner.cost import flat_width

IMAGE_CENTRE = 0.5
"""Subtracted from the image, so that its values lie around zero, where zero padding is neutral."""

NOISE_VALUES = 2**16
"""Number of values of the random numbers that dropout compares its rate with."""


class ConvNet(nn.Module):
    """A network from images `[B, 3, S, S]` in 0..1 to responses `[B, N]`, which are not negative.

    Args:
        config: The layers.
        num_neurons: N.
        generator: Draws the first weights: Glorot and Bengio's (2010) uniform distribution, biases zero. None leaves
            them as the memory has them, to be loaded.

    Attributes:
        blocked: Convolutions run in oneDNN's own memory layout; the values are the same up to rounding. Only for fp32
            on a CPU, for layers that `tuner.engine.layout` names.
    """

    blocked = False

    def __init__(self, config: ModelConfig, num_neurons: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        channels = 3
        convs, norms, denses = [], [], []
        for layer in config.conv_layers:
            shape = (channels, layer.num_filters, layer.kernel_size)
            # Batch normalisation takes a bias off again; its gradient is rounding, which Adam blows up to full steps.
            convs.append(skip_init(nn.Conv2d, *shape, padding=padding(layer), bias=not layer.batch_norm))
            norms.append(nn.BatchNorm2d(layer.num_filters) if layer.batch_norm else nn.Identity())
            channels = layer.num_filters
        units = flat_width(config)
        for dense in config.dense_layers:
            denses.append(skip_init(nn.Linear, units, dense.num_units))
            units = dense.num_units
        self.convs, self.norms, self.denses = nn.ModuleList(convs), nn.ModuleList(norms), nn.ModuleList(denses)
        self.logits = skip_init(nn.Linear, units, num_neurons)
        if generator is not None:
            for _, module in self.weighted_layers():
                _initialise(module, generator)

    def forward(self, images_BCHW: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """Responses `[B, N]` to images in 0..1; for `noise` see `respond`."""
        return self.respond(images_BCHW - IMAGE_CENTRE, noise)

    def respond(self, centred_BCHW: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """Responses `[B, N]`. Pooling comes before ReLU: the values are the same, with less to rectify.

        Args:
            centred_BCHW: Images less `IMAGE_CENTRE`.
            noise: While training, the random numbers of each layer's dropout, see `dropout`; None is no dropout.
        """
        noises = iter(noise or [None] * (len(self.convs) + len(self.denses) + 1))
        x = centred_BCHW
        for index, (layer, conv, norm) in enumerate(zip(self.config.conv_layers, self.convs, self.norms, strict=True)):
            x = padded(dropout(x, layer.dropout_rate, next(noises)), layer)
            if self.blocked and index == 0:
                x = x.to_mkldnn()
            x = norm(conv(x))
            if layer.pool_size > 1:
                x = functional.max_pool2d(x, layer.pool_size, layer.pool_size)
            x = functional.relu(x)
        x = (x.to_dense() if x.is_mkldnn else x).flatten(1)
        for dense, linear in zip(self.config.dense_layers, self.denses, strict=True):
            x = functional.relu(linear(dropout(x, dense.dropout_rate, next(noises))))
        return functional.relu(self.logits(dropout(x, self.config.logits_layer.dropout_rate, next(noises))))

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


def dropout(x: Tensor, rate: float, noise: Tensor | None) -> Tensor:
    """`x` with each value dropped with probability `rate`, and the others scaled so that the mean stays.

    Args:
        x: Any shape.
        rate: Rounded to a multiple of 2**-16.
        noise: int16 of the same shape, uniform over its range; None, or rate 0, changes nothing.
    """
    dropped = min(round(rate * NOISE_VALUES), NOISE_VALUES - 1)
    if noise is None or dropped == 0:
        return x
    keep = torch.ge(noise, dropped - NOISE_VALUES // 2, out=torch.empty_like(x, requires_grad=False))
    scale = NOISE_VALUES / (NOISE_VALUES - dropped)
    # In bf16 the scale itself would be rounded, by up to 0.4 %.
    return x * keep.mul_(scale) if x.dtype == torch.float32 else x * keep * scale


def input_shapes(config: ModelConfig) -> list[tuple[int, ...]]:
    """The shape of one image on its way into each layer with weights: `(C, H, W)` or `(units,)`."""
    shapes: list[tuple[int, ...]] = []
    channels, size = 3, config.image_size
    for layer in config.conv_layers:
        shapes.append((channels, size, size))
        channels, size = layer.num_filters, conv_width(layer, size) // layer.pool_size
    units = (flat_width(config), *(layer.num_units for layer in config.dense_layers))
    return [*shapes, *((width,) for width in units)]


def padding(layer: ConvLayer) -> int:
    """Zeros on each side of the image; an even kernel needs one more on the right and below, see `padded`."""
    return (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0


def padded(x: Tensor, layer: ConvLayer) -> Tensor:
    """`x` with the zeros that `padding` leaves to an even kernel."""
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
