import math

import pytest
import torch

from tuner.selection.gabor import ORIENTATIONS, energies


def wave(index: int, phase: float = 0.0) -> torch.Tensor:
    along = torch.arange(32.0)
    angle = math.pi * index / ORIENTATIONS
    crests = along[:, None] * math.sin(angle) + along * math.cos(angle)
    return torch.cos(math.pi / 2 * crests + phase)[None, None]


@pytest.mark.parametrize("index", range(ORIENTATIONS))
def test_a_wave_has_most_energy_at_its_own_orientation_whatever_its_phase(index: int) -> None:
    inner = [energies(wave(index, phase))[0, :, 4:-4, 4:-4] for phase in (0.0, 1.0)]
    assert inner[0].mean(dim=(1, 2)).argmax() == index
    # The envelope cuts the wave off, so even and odd filters differ by a few per cent.
    torch.testing.assert_close(inner[0][index], inner[1][index], rtol=0.1, atol=0)


def test_turning_an_image_turns_its_energies() -> None:
    image = torch.rand((2, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    turned = energies(image.rot90(dims=(2, 3)))
    # A quarter of a circle is half of the orientations; the sums run in another order.
    torch.testing.assert_close(turned, energies(image).rot90(dims=(2, 3)).roll(ORIENTATIONS // 2, dims=1))


def test_each_channel_has_the_energies_that_it_has_alone() -> None:
    image = torch.rand((2, 3, 12, 10), generator=torch.Generator().manual_seed(0))
    alone = torch.cat([energies(image[:, channel : channel + 1]) for channel in range(3)], dim=1)
    torch.testing.assert_close(energies(image), alone)


def test_a_uniform_image_has_none() -> None:
    # Seven by seven products of fp32 numbers up to 1 cancel to about 1e-7.
    assert float(energies(torch.full((1, 1, 8, 8), 0.7)).max()) < 1e-6
