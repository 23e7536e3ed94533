"""Where the values of a network's maps lie on the image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.config import ConvLayer, ModelConfig, conv_width


@dataclass(frozen=True)
class Raster:
    """Where a map's values lie along one axis of the image.

    Attributes:
        first: The first value's place, in pixels from the image's centre.
        stride: Pixels from one to the next.
        size: How many there are.
    """

    first: float
    stride: float
    size: int

    @staticmethod
    def of(model: ModelConfig) -> "Raster":
        """The pixels'."""
        return Raster(-model.image_size / 2, 1.0, model.image_size)

    def after(self, layer: ConvLayer) -> "Raster":
        """That of a layer's output."""
        margin = (layer.kernel_size - 1) // 2 if layer.padding == "valid" else 0
        first = self.first + self.stride * (margin + (layer.pool_size - 1) / 2)
        return Raster(first, self.stride * layer.pool_size, conv_width(layer, self.size) // layer.pool_size)

    def read_from(self, other: "Raster") -> Tensor:
        """`[self.size, other.size]`: the mean of the other's values that are nearest; zero where there are none."""
        coarse, fine = (self, other) if self.stride > other.stride else (other, self)
        places = fine.first + fine.stride * torch.arange(fine.size)
        # Halfway between two, always the second: `torch.round` takes the even one, and so skips every other.
        nearest = torch.floor((places - coarse.first) / coarse.stride + 0.5).long()
        known = (nearest >= 0) & (nearest < coarse.size)
        found = torch.zeros(coarse.size, fine.size)
        found[nearest[known], torch.arange(fine.size)[known]] = 1.0
        found = found if coarse is self else found.T
        return found / found.sum(1, keepdim=True).clamp(min=1.0)
