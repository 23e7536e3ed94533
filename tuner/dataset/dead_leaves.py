"""Dead-leaves images: opaque coloured shapes that occlude one another, statistically close to natural scenes.

Lee, Mumford, Huang (2001), "Occlusion models for natural images". Legend of shapes: `L` leaves, `H W` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMALLEST_RADIUS = 0.05  # of the image's side
LARGEST_RADIUS = 0.5
FEWEST_LEAVES = 30
MOST_LEAVES = 80  # about three layers on average at these radii; what stays bare is one more leaf


@dataclass(frozen=True)
class Leaves:
    """Shapes from back to front; lengths in units of the image's side."""

    centre_L2: Floats
    """`x, y`."""
    half_axes_L2: Floats
    """Along and across the shape's own axis."""
    angle_L: Floats
    """Radians, of the shape's own axis."""
    is_rectangle_L: NDArray[np.bool_]
    """An ellipse otherwise."""


def dead_leaves(rng: np.random.Generator, num_images: int, size: int) -> NDArray[np.uint8]:
    """Independent colour images, each from a random stream of its own.

    Returns:
        `[num_images, size, size, 3]`; a larger `num_images` only appends.
    """
    return np.stack([_image(stream, size) for stream in rng.spawn(num_images)])


def _image(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    leaf_HW = paint(_scatter(rng, int(rng.integers(FEWEST_LEAVES, MOST_LEAVES))), size)
    num_leaves = int(leaf_HW.max()) + 1
    colour_HW3 = _palette(rng, num_leaves)[leaf_HW]
    lit_HW3 = colour_HW3 * _surface(rng, leaf_HW, num_leaves)[..., None]
    return np.round(255 * np.clip(lit_HW3, 0, 1)).astype(np.uint8)


def power_law_radii(rng: np.random.Generator, count: int) -> Floats:
    """`[count]` radii with density proportional to `r^-3` between the cut-offs: the images look alike at all scales."""
    smallest, largest = SMALLEST_RADIUS**-2, LARGEST_RADIUS**-2
    return np.asarray((smallest - rng.random(count) * (smallest - largest)) ** -0.5)


def _scatter(rng: np.random.Generator, count: int) -> Leaves:
    aspect_L = rng.uniform(1, 1.6, count)
    radius_L = power_law_radii(rng, count)
    return Leaves(
        centre_L2=rng.uniform(-0.1, 1.1, (count, 2)),
        half_axes_L2=np.stack([radius_L * aspect_L, radius_L / aspect_L], axis=1),
        angle_L=rng.uniform(0, np.pi, count),
        is_rectangle_L=rng.random(count) < 0.4,
    )


def paint(leaves: Leaves, size: int) -> NDArray[np.intp]:
    """`[size, size]`, which leaf is in front; 0 where there is none, the scattered ones count from 1."""
    leaf_HW = np.zeros((size, size), np.intp)
    position = (np.arange(size) + 0.5) / size
    reach_L1 = np.linalg.norm(leaves.half_axes_L2, axis=1, keepdims=True)
    low_L2 = np.clip((leaves.centre_L2 - reach_L1) * size, 0, size).astype(int)
    high_L2 = np.clip((leaves.centre_L2 + reach_L1) * size + 1, 0, size).astype(int)
    for index, ((left, top), (right, bottom)) in enumerate(zip(low_L2.tolist(), high_L2.tolist(), strict=True)):
        inside = _is_inside(leaves, index, position[left:right], position[top:bottom, None])
        leaf_HW[top:bottom, left:right][inside] = index + 1
    return leaf_HW


def _is_inside(leaves: Leaves, index: int, x_W: Floats, y_H1: Floats) -> NDArray[np.bool_]:
    x_W, y_H1 = x_W - leaves.centre_L2[index, 0], y_H1 - leaves.centre_L2[index, 1]
    cosine, sine = np.cos(leaves.angle_L[index]), np.sin(leaves.angle_L[index])
    half_length, half_width = leaves.half_axes_L2[index]
    along_HW = cosine / half_length * x_W + sine / half_length * y_H1
    across_HW = cosine / half_width * y_H1 - sine / half_width * x_W
    if leaves.is_rectangle_L[index]:
        return np.asarray(np.maximum(np.abs(along_HW), np.abs(across_HW)) < 1)
    return np.asarray(along_HW * along_HW + across_HW * across_HW < 1)


def _palette(rng: np.random.Generator, num_leaves: int) -> Floats:
    """`[num_leaves, 3]` RGB around the image's own mean, with its own contrast and saturation."""
    contrast, saturation = rng.uniform(0.06, 0.26), rng.uniform(0.02, 0.12)
    mean_3 = rng.uniform(0.3, 0.6) + rng.normal(0, 0.07, 3)
    luminance_L1, chroma_L3 = rng.normal(size=(num_leaves, 1)), rng.normal(size=(num_leaves, 3))
    return np.asarray(mean_3 + contrast * luminance_L1 + saturation * chroma_L3)


def _surface(rng: np.random.Generator, leaf_HW: NDArray[np.intp], num_leaves: int) -> Floats:
    """`[H, W]` factors around 1: every leaf has a linear shading and a faint grating of its own."""
    position = np.linspace(-0.5, 0.5, len(leaf_HW))
    slope_L2, phase_L = rng.normal(0, 0.3, (num_leaves, 2)), rng.uniform(0, 2 * np.pi, num_leaves)
    frequency_L2 = rng.normal(0, 2 * np.pi * 8, (num_leaves, 2))
    depth_L = rng.uniform(0, 0.2, num_leaves)
    shading_HW = _planes(slope_L2, leaf_HW, position)
    grating_HW = np.sin(_planes(frequency_L2, leaf_HW, position) + phase_L[leaf_HW])
    return np.asarray(1 + shading_HW + depth_L[leaf_HW] * grating_HW)


def _planes(slope_L2: Floats, leaf_HW: NDArray[np.intp], position: Floats) -> Floats:
    return np.asarray(slope_L2[leaf_HW, 0] * position + slope_L2[leaf_HW, 1] * position[:, None])
