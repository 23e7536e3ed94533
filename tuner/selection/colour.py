"""What colour each place of an image has, in ways that averages over places keep apart.

Axes: `B` images, `H W` pixels.
"""

import math

import torch
from torch import Tensor

_HUES = 8
_LEVELS = 9
_OPPONENT = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [-1 / 2, -1 / 2, 1]])


def opponent(images_BCHW: Tensor) -> Tensor:
    """Luminance, red less green, and blue less yellow, `[B, 3, H, W]`, of red, green and blue."""
    return torch.einsum("oc,bchw->bohw", _OPPONENT, images_BCHW)


def colour_maps(opponent_BCHW: Tensor) -> Tensor:
    """Soft histograms of hue and luminance, before they are summed over places.

    Returns:
        `[B, 18, H, W]`, 0 or more: saturation; saturation near each of 8 hues (cosine squared, half a circle wide);
        nearness to each of 9 luminances (Gaussian, 1/8 apart and as wide).
    """
    luminance, red_green, blue_yellow = (channel[:, None] for channel in opponent_BCHW.unbind(dim=1))
    saturation = (red_green.square() + blue_yellow.square()).sqrt()
    centres = 2 * math.pi / _HUES * torch.arange(_HUES)[:, None, None]
    hues = saturation * (torch.atan2(blue_yellow, red_green) - centres).cos().relu().square()
    levels = torch.arange(_LEVELS)[:, None, None]
    nearness = torch.exp(-((_LEVELS - 1) * luminance - levels).square() / 2)
    return torch.cat([saturation, hues, nearness], dim=1)
