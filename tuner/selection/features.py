"""Hand-made features of an image, for the models that a network must beat.

Oriented energies in luminance and opponent colours, curvature, and colours, each over the whole image and near its
centre, where receptive fields tend to lie: chosen by what they are worth to ridge regression, in cross-validation on a
recording of macaque V4.

Axes: `B` images, `C` maps, `H W` pixels, `F` features.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from tuner.selection.colour import colour_maps, opponent
from tuner.selection.curvature import curvature
from tuner.selection.gabor import energies

_SIDE = 64  # pixels; every image is resized to it, so that features mean the same for images of any size
_SCALES = 4  # octaves; the coarsest image is 8 px
_CENTRE = 0.2  # standard deviation of the centre's window, in sides of the image
_WEAK_ENERGY = 0.01  # of contrast; what is weaker than these two does not show in a logarithm
_WEAK_CURVATURE = 0.003
_CHUNK = 16  # images; 64 at once overflow the cache and take a third longer


def image_features(images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Features `[n, 467]` of each image alone.

    Args:
        images: `[n, H, W, 3]` with n at least 1, uint8 in 0..255 or float32 in 0..1. What is not square is
            squeezed into one.
    """
    chunks = [_features(_resized(images[start : start + _CHUNK])) for start in range(0, len(images), _CHUNK)]
    return torch.cat(chunks).numpy()


def _resized(images: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> Tensor:
    pixels = torch.tensor(images).movedim(-1, 1)
    scaled = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
    return functional.interpolate(scaled, (_SIDE, _SIDE), mode="bilinear", antialias=True)


def _features(images_BCHW: Tensor) -> Tensor:
    """`[B, F]`. Colours are pooled as they are, energies and curvatures in logarithms: contrasts multiply."""
    scale_BCHW = opponent(images_BCHW)
    colours = torch.cat([scale_BCHW, colour_maps(scale_BCHW)], dim=1)
    parts = [_pooled(colours), _grid(scale_BCHW, 4)]
    for index in range(_SCALES):
        if index:
            scale_BCHW = functional.avg_pool2d(scale_BCHW, 2)
        bends = curvature(scale_BCHW[:, 0])
        parts += [
            (_pooled(energies(scale_BCHW)) + _WEAK_ENERGY).log(),
            (torch.cat([_pooled(bends), _grid(bends, 2)], dim=1) + _WEAK_CURVATURE).log(),
        ]
    return torch.cat(parts, dim=1)


def _pooled(maps_BCHW: Tensor) -> Tensor:
    """`[B, 3 * C]`: each map's mean, standard deviation, and mean near the centre."""
    size = maps_BCHW.shape[-1]
    place = (torch.arange(size) + 0.5) / size - 0.5
    window = torch.softmax(-place.square() / (2 * _CENTRE**2), dim=0)
    near = torch.einsum("bchw,h,w->bc", maps_BCHW, window, window)
    mean = maps_BCHW.mean(dim=(2, 3), keepdim=True)
    spread = (maps_BCHW - mean).square().mean(dim=(2, 3)).sqrt()  # torch's own std takes five times as long
    return torch.cat([mean[:, :, 0, 0], spread, near], dim=1)


def _grid(maps_BCHW: Tensor, cells: int) -> Tensor:
    """`[B, C * cells * cells]`: each map's means over a grid."""
    return functional.adaptive_avg_pool2d(maps_BCHW, cells).flatten(1)
