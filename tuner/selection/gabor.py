"""How much of each orientation an image holds at each place: complex cells of the primary visual cortex, in short.

Axes: `B` images, `C` channels, `H W` pixels.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

ORIENTATIONS = 6
_SIZE = 7
_WAVELENGTH = 4.0  # pixels
_WIDTH = 1.6  # pixels, the standard deviation of the envelope: a bandwidth of about 1.4 octaves


def energies(channels_BCHW: Tensor) -> Tensor:
    """Phase-free responses to a wave of 4 pixels at 6 orientations, in every channel apart.

    The root of the summed squares of an even and an odd Gabor filter (Adelson & Bergen 1985), each with mean 0 and norm
    1, so that a uniform image has none. Beyond its edge an image is mirrored, and must be larger than 3 px.

    Returns:
        `[B, C * 6, H, W]`, 0 or more; the orientations of the first channel come first.
    """
    size_B, size_C, *size_HW = channels_BCHW.shape
    single = channels_BCHW.reshape(size_B * size_C, 1, *size_HW)
    padded = functional.pad(single, (_SIZE // 2,) * 4, mode="reflect")
    even, odd = functional.conv2d(padded, _bank()).reshape(size_B, size_C * ORIENTATIONS, 2, *size_HW).unbind(dim=2)
    return (even.square() + odd.square()).sqrt()


def _bank() -> Tensor:
    """`[12, 1, 7, 7]`: for each orientation an even filter, then an odd one."""
    along = torch.arange(_SIZE) - _SIZE // 2
    y, x = torch.meshgrid(along, along, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * _WIDTH**2))
    filters = []
    for index in range(ORIENTATIONS):
        angle = math.pi * index / ORIENTATIONS
        phase = 2 * math.pi / _WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle))
        for wave in (phase.cos(), phase.sin()):
            filter_HW = envelope * (wave - (envelope * wave).sum() / envelope.sum())
            filters.append(filter_HW / filter_HW.norm())
    return torch.stack(filters)[:, None]
