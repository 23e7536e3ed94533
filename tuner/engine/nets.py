"""The networks of replicates that take their steps together: one, or several as one."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from tuner.config import ModelConfig
from tuner.engine.draws import noise_widths
from tuner.engine.layout import memory_format
from tuner.model import ConvNet, input_shapes

Weights = Mapping[str, Tensor]
"""A network's `state_dict`."""


class Nets(Protocol):
    """K networks of one architecture."""

    leaves: dict[str, Tensor]
    """What is trained, by its name in a network's `state_dict`."""

    def answers(self, images_GBCHW: Tensor, *, training: bool, noise: Tensor | None, used: Tensor | None) -> Tensor:
        """Responses `[K, B, N]`; see `Batch` for the arguments."""

    def penalty(self) -> Tensor:
        """The sum of the networks' penalties."""

    def weights(self, index: int) -> dict[str, Tensor]:
        """A network's weights and buffers: the tensors themselves."""

    def buffers(self) -> list[Tensor]:
        """What training changes beside the leaves: the tensors themselves."""

    def part(self, tensor: Tensor, index: int) -> Tensor:
        """What belongs to a network of a tensor with the shape of a leaf: a view."""


class Solo:
    """One network.

    Args:
        model: Its layers.
        num_neurons: N.
        weights: Its `state_dict`; on the device they become the network's own, and change with it.
        device: Where it lives.
        blocked: See `ConvNet`.
    """

    def __init__(
        self, model: ModelConfig, num_neurons: int, weights: Weights, device: torch.device, blocked: bool
    ) -> None:
        net = ConvNet(model, num_neurons)
        net.load_state_dict(weights, assign=True)
        net.blocked = blocked
        self._net = net.to(device, memory_format=memory_format(blocked))  # type: ignore[call-overload]
        self.leaves: dict[str, Tensor] = dict(self._net.named_parameters())

    def answers(self, images_GBCHW: Tensor, *, training: bool, noise: Tensor | None, used: Tensor | None) -> Tensor:
        """See `Nets`; all images are used."""
        assert used is None, "a single replicate is given its own images"
        self._net.train(training)
        noises = None if noise is None else by_layer(self._net.config, noise[0])
        answer: Tensor = self._net.respond(images_GBCHW[0], noises)[None]
        return answer

    def penalty(self) -> Tensor:
        """See `Nets`."""
        penalty: Tensor = self._net.penalty()
        return penalty

    def weights(self, index: int) -> dict[str, Tensor]:
        """See `Nets`."""
        weights: dict[str, Tensor] = self._net.state_dict()
        return weights

    def buffers(self) -> list[Tensor]:
        """See `Nets`."""
        return list(self._net.buffers())

    def part(self, tensor: Tensor, index: int) -> Tensor:
        """See `Nets`."""
        return tensor


def by_layer(model: ModelConfig, noise: Tensor) -> Sequence[Tensor | None]:
    """The random numbers `[..., B, U]` of all dropouts, layer by layer, `[..., B, C, H, W]` or `[..., B, units]`."""
    widths = noise_widths(model)
    parts = noise.split(widths, dim=-1)
    shapes = input_shapes(model)
    return [
        part.unflatten(-1, shape) if width else None for part, width, shape in zip(parts, widths, shapes, strict=True)
    ]
