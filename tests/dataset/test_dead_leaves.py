"""Laws of the dead-leaves images."""

from __future__ import annotations

import numpy as np

from tuner.dataset.dead_leaves import LARGEST_RADIUS, SMALLEST_RADIUS, Leaves, dead_leaves, paint, power_law_radii


def test_images_are_colour_and_use_the_whole_range() -> None:
    images = dead_leaves(np.random.default_rng(0), 20, 32)
    assert images.shape == (20, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images.min() == 0
    assert images.max() == 255


def test_leaves_of_one_image_differ_in_hue() -> None:
    images = dead_leaves(np.random.default_rng(0), 40, 32).astype(int)
    is_reddish = images[..., 0] > images[..., 2]
    is_bluish = images[..., 0] < images[..., 2]
    has_both = np.minimum(is_reddish.mean(axis=(1, 2)), is_bluish.mean(axis=(1, 2))) > 0.05
    assert has_both.mean() > 0.5


def test_more_images_are_appended() -> None:
    few = dead_leaves(np.random.default_rng(1), 3, 24)
    many = dead_leaves(np.random.default_rng(1), 5, 24)
    np.testing.assert_array_equal(few, many[:3])


def test_every_image_is_another_one() -> None:
    images = dead_leaves(np.random.default_rng(2), 30, 16)
    assert len(np.unique(images.reshape(30, -1), axis=0)) == 30


def _leaves(*centres: tuple[float, float], rectangles: bool, angle: float = 0.0) -> Leaves:
    count = len(centres)
    half_axes = np.tile([0.3, 0.1], (count, 1))
    return Leaves(np.array(centres), half_axes, np.full(count, angle), np.full(count, rectangles))


def test_rectangle_covers_exactly_its_pixels() -> None:
    expected = np.zeros((20, 20), int)
    expected[8:12, 4:16] = 1
    np.testing.assert_array_equal(paint(_leaves((0.5, 0.5), rectangles=True), 20), expected)
    upright = paint(_leaves((0.5, 0.5), rectangles=True, angle=np.pi / 2), 20)
    np.testing.assert_array_equal(upright, expected.T)


def test_ellipse_has_its_area_at_any_angle() -> None:
    for angle in (0.0, 0.5, 1.0, 2.0):
        area = (paint(_leaves((0.5, 0.5), rectangles=False, angle=angle), 200) == 1).mean()
        assert abs(area - np.pi * 0.3 * 0.1) < 0.01 * np.pi * 0.3 * 0.1  # 3770 pixels, the outline cuts about 270


def test_later_leaf_is_in_front() -> None:
    leaf = paint(_leaves((0.3, 0.5), (0.5, 0.5), rectangles=True), 20)
    assert leaf[10].tolist() == [1] * 4 + [2] * 12 + [0] * 4


def test_leaf_outside_the_image_paints_nothing() -> None:
    assert not paint(_leaves((1.5, 0.5), (0.5, -0.5), rectangles=False), 20).any()


def test_radii_follow_the_inverse_cube_between_the_cut_offs() -> None:
    radii = power_law_radii(np.random.default_rng(3), 40_000)
    assert radii.min() >= SMALLEST_RADIUS
    assert radii.max() <= LARGEST_RADIUS
    middle = np.sqrt(SMALLEST_RADIUS * LARGEST_RADIUS)
    # The integral of r^-3 from a to r, over that from a to b, at r = sqrt(ab): 1 / (1 + a / b).
    share = 1 / (1 + SMALLEST_RADIUS / LARGEST_RADIUS)
    standard_error = np.sqrt(share * (1 - share) / radii.size)
    assert abs((radii < middle).mean() - share) < 5 * standard_error


def test_leaves_occlude_so_that_neighbours_are_alike_and_edges_are_sharp() -> None:
    images = dead_leaves(np.random.default_rng(4), 50, 80).astype(float)
    step = np.abs(np.diff(images.mean(axis=3), axis=2))
    # White noise with the images' spread would have a ratio of 1 and 1; a blurred image no large steps.
    shuffled = np.abs(np.diff(np.random.default_rng(0).permuted(images.mean(axis=3), axis=2), axis=2))
    assert np.median(step) < 0.3 * np.median(shuffled)
    assert np.quantile(step, 0.99) > 0.7 * np.quantile(shuffled, 0.9)
