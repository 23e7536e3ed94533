"""Laws of the simulated neurons: what they see, what they ignore, how fast they fire."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tuner.dataset.curvature_neurons import NUM_ENERGIES, ORIENTATIONS, features, random_neuron, rate
from tuner.dataset.dead_leaves import dead_leaves


def _grating(angle: float, wavelength: float, phase: float = 0.0, size: int = 80) -> NDArray[np.uint8]:
    row, column = np.mgrid[:size, :size]
    position = column * np.cos(angle) + row * np.sin(angle)
    grey = 127.5 + 100 * np.cos(2 * np.pi * position / wavelength + phase)
    return np.repeat(np.round(grey).astype(np.uint8)[None, ..., None], 3, axis=3)


@pytest.mark.parametrize("scale", [0, 1])
@pytest.mark.parametrize("preferred", range(ORIENTATIONS))
def test_a_grating_excites_its_own_orientation_and_scale_most(preferred: int, scale: int) -> None:
    grating = _grating(np.pi * preferred / ORIENTATIONS, wavelength=6 * 2**scale)
    energies = features(grating)[0, ..., :NUM_ENERGIES].mean(axis=(0, 1))
    assert energies.argmax() == scale * ORIENTATIONS + preferred


def test_energies_hardly_depend_on_the_phase_of_a_grating() -> None:
    first, second = (features(_grating(0, 6, phase))[0, ..., 0].mean() for phase in (0, np.pi / 2))
    assert first == pytest.approx(second, rel=0.02)  # the sine and the cosine filter differ by their tails


def test_uniform_colour_has_no_energy_and_its_own_channels() -> None:
    uniform = np.broadcast_to(np.array([255, 0, 51], np.uint8), (1, 80, 80, 3))
    seen = features(uniform)[0]
    np.testing.assert_allclose(seen[..., :NUM_ENERGIES], 0, atol=1e-5)  # float32 sums over 64 pixels
    luminance, red_green, blue_yellow = (255 + 51) / 3 / 255, 1.0, 0.2 - 0.5
    expected = np.broadcast_to([luminance, red_green, blue_yellow], (12, 12, 3))
    np.testing.assert_allclose(seen[..., NUM_ENERGIES:], expected, atol=1e-6)


def test_pixels_near_the_border_are_not_seen() -> None:
    images = dead_leaves(np.random.default_rng(0), 2, 80)
    changed = images.copy()
    changed[:, :10] = changed[:, -10:] = 255 - changed[:, :10]
    np.testing.assert_array_equal(features(changed), features(images))
    changed[:, 10:12] = 255 - changed[:, 10:12]
    assert (features(changed) != features(images)).any()


def test_features_sit_where_the_image_does() -> None:
    image = np.zeros((1, 80, 80, 3), np.uint8)
    image[:, 16 + 4 * 3 : 16 + 4 * 4, 16 + 4 * 7 : 16 + 4 * 8] = 255  # exactly the block of grid position 3, 7
    luminance = features(image)[0, ..., NUM_ENERGIES]
    assert luminance[3, 7] == pytest.approx(1)
    assert luminance.sum() == pytest.approx(1)
    energy = features(image)[0, ..., :ORIENTATIONS].sum(axis=2)
    assert np.unravel_index(energy.argmax(), energy.shape)[0] in (2, 3, 4)
    assert energy[8:].max() == pytest.approx(0, abs=1e-5)


def test_mirrored_images_have_mirrored_features() -> None:
    images = dead_leaves(np.random.default_rng(5), 3, 80)
    mirrored = features(images[:, :, ::-1])[:, :, ::-1]
    turned = -np.arange(ORIENTATIONS) % ORIENTATIONS
    orders = [turned, ORIENTATIONS + turned, np.arange(NUM_ENERGIES, mirrored.shape[-1])]
    # Sums of 64 float32 in another order.
    np.testing.assert_allclose(mirrored[..., np.concatenate(orders)], features(images), atol=1e-5)


def test_windows_of_a_neuron_sum_to_one() -> None:
    neuron = random_neuron(np.random.default_rng(0), grid=12)
    np.testing.assert_allclose(neuron.window_2GG.sum(axis=(1, 2)), 1, rtol=1e-12)
    assert neuron.surround_GG.sum() == pytest.approx(1, rel=1e-12)
    assert neuron.energies_2[0] != neuron.energies_2[1]


def test_root_rate_has_the_mean_and_spread_of_its_neuron() -> None:
    seen = features(dead_leaves(np.random.default_rng(1), 60, 80))
    for stream in np.random.default_rng(2).spawn(10):
        neuron = random_neuron(stream, grid=12)
        root = np.sqrt(rate(neuron, seen))
        assert root.mean() == pytest.approx(neuron.mean, rel=1e-9)
        assert root.std() == pytest.approx(neuron.deviation, rel=1e-9)


def test_rate_stays_above_zero() -> None:
    seen = features(dead_leaves(np.random.default_rng(1), 60, 80))
    silent = replace(random_neuron(np.random.default_rng(2), grid=12), mean=0.1)
    assert rate(silent, seen).min() == pytest.approx(0.01)


def test_identical_images_get_identical_finite_rates() -> None:
    seen = features(np.repeat(dead_leaves(np.random.default_rng(3), 1, 80), 3, axis=0))
    rates = rate(random_neuron(np.random.default_rng(4), grid=12), seen)
    assert np.isfinite(rates).all()
    assert np.ptp(rates) < 1e-6
