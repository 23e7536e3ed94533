import colorsys

import numpy as np
import pytest
import torch

from tuner.selection.colour import colour_maps, opponent


def uniform(*colour: float) -> torch.Tensor:
    return opponent(torch.tensor(colour, dtype=torch.float32)[None, :, None, None].expand(1, 3, 2, 2))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_grey_is_luminance_alone(level: float) -> None:
    grey = uniform(level, level, level)
    torch.testing.assert_close(grey[0, :, 0, 0], torch.tensor([level, 0, 0]))
    assert float(colour_maps(grey)[:, :9].max()) < 1e-6
    assert int(colour_maps(grey)[0, 9:, 0, 0].argmax()) == round(8 * level)


def test_hues_in_their_order_go_around_the_circle_once() -> None:
    hues = [uniform(*colorsys.hsv_to_rgb(hue, 1, 1)) for hue in np.arange(0, 1, 1 / 24)]
    strongest = np.array([int(colour_maps(hue)[0, 1:9, 0, 0].argmax()) for hue in hues])
    assert set(strongest) == set(range(8))
    assert np.count_nonzero(np.diff(strongest, append=strongest[0])) == 8


def test_hues_scale_with_saturation() -> None:
    pale, full = colour_maps(uniform(0.6, 0.5, 0.5)), colour_maps(uniform(0.9, 0.5, 0.5))
    # fp32 differences of 0.5 and 0.6 keep six digits.
    torch.testing.assert_close(4 * pale[:, :9], full[:, :9], rtol=1e-5, atol=1e-6)
