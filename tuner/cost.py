"""What a network costs: parameters, multiply-adds and memory, counted from its config alone."""

from dataclasses import dataclass

from tuner.config import ModelConfig, conv_width

BYTES_PER_FLOAT = 4
COPIES_PER_PARAMETER = 4
"""The parameter, its gradient and Adam's two moments."""


@dataclass(frozen=True)
class Cost:
    """What one network costs.

    Attributes:
        parameters: Number of trained parameters.
        macs: Multiply-adds of one image's forward pass.
        activations: Numbers that one image's forward pass keeps for the backward pass.
    """

    parameters: int
    macs: int
    activations: int

    def step_macs(self, images: int) -> int:
        """Multiply-adds of one training step; the backward pass counts twice the forward pass."""
        return 3 * self.macs * images

    def step_bytes(self, images: int) -> int:
        """Bytes of parameters, optimiser and activations of one fp32 training step."""
        return BYTES_PER_FLOAT * (COPIES_PER_PARAMETER * self.parameters + self.activations * images)


def flat_width(model: ModelConfig) -> int:
    """Number of values that the convolutional layers hand to the dense ones."""
    size, channels = model.image_size, 3
    for layer in model.conv_layers:
        size, channels = conv_width(layer, size) // layer.pool_size, layer.num_filters
    return channels * size * size


def cost_of(model: ModelConfig, num_neurons: int) -> Cost:
    """The cost of one network with `num_neurons` outputs."""
    parameters = macs = 0
    size, channels = model.image_size, 3
    activations = channels * size * size
    for layer in model.conv_layers:
        weights = channels * layer.num_filters * layer.kernel_size**2
        width = conv_width(layer, size)
        parameters += weights + layer.num_filters * (2 if layer.batch_norm else 1)
        macs += weights * width**2
        size, channels = width // layer.pool_size, layer.num_filters
        activations += layer.num_filters * (width**2 + size**2)
    units = flat_width(model)
    for outputs in (*(layer.num_units for layer in model.dense_layers), num_neurons):
        parameters += units * outputs + outputs
        macs += units * outputs
        activations += 2 * outputs
        units = outputs
    return Cost(parameters, macs, activations)
