"""Where luminance bends: second-order structure, to which many V4 neurons are tuned (Pasupathy & Connor 1999)."""

import torch
from torch import Tensor
from torch.nn import functional

_FLAT = 1e-4  # squared gradient below which an isophote has no direction to speak of


def curvature(luminance_BHW: Tensor) -> Tensor:
    """Five maps of second derivatives, by central differences of one pixel; none changes when the image is turned.

    Valleys and hills (the positive and the negative part of the Laplacian), elongation (the difference of the Hessian's
    eigenvalues), and bends of the contours to either side (the parts of the second derivative along the isophote, its
    curvature times the gradient: `L_vv` in ter Haar Romeny 2003, chapter 6).

    Returns:
        `[B, 5, H, W]`, 0 or more.
    """
    padded = functional.pad(luminance_BHW[:, None], (1,) * 4, mode="replicate")[:, 0]
    here, up, down = padded[:, 1:-1, 1:-1], padded[:, :-2], padded[:, 2:]
    left, right = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
    x, y = (right - left) / 2, (down - up)[:, :, 1:-1] / 2
    xx, yy = right + left - 2 * here, (down + up)[:, :, 1:-1] - 2 * here
    xy = ((down - up)[:, :, 2:] - (down - up)[:, :, :-2]) / 4
    laplacian = xx + yy
    elongation = ((xx - yy).square() + 4 * xy.square()).sqrt()
    bend = (xx * y.square() - 2 * x * y * xy + yy * x.square()) / (x.square() + y.square() + _FLAT)
    return torch.stack([laplacian.relu(), (-laplacian).relu(), elongation, bend.relu(), (-bend).relu()], dim=1)
