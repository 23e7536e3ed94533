"""How the values in front of a layer are read."""

from dataclasses import replace

import pytest
import torch

from tuner.config import ConvLayer, ModelConfig
from tuner.mutation.link import Link
from tuner.mutation.raster import Raster

PIXELS = Raster(-8.0, 1.0, 16)
SAME = ConvLayer(num_filters=1, kernel_size=5, pool_size=1)
POOLED = ConvLayer(num_filters=1, kernel_size=5, pool_size=2)
VALID = ConvLayer(num_filters=1, kernel_size=3, pool_size=3, padding="valid")
LINK = Link(torch.eye(2), (PIXELS, PIXELS), exact=True)


def test_a_grid_is_where_the_values_of_a_map_lie() -> None:
    assert Raster.of(ModelConfig(image_size=16)) == PIXELS
    assert PIXELS.after(SAME) == PIXELS
    assert PIXELS.after(POOLED) == Raster(-7.5, 2.0, 8)
    assert PIXELS.after(VALID) == Raster(-6.0, 3.0, 4)
    assert PIXELS.after(POOLED).after(POOLED) == Raster(-6.5, 4.0, 4)


@pytest.mark.parametrize("size", [10, 11, 12, 13, 14, 15, 16])
def test_pixels_of_a_smaller_crop_are_each_read_once_and_in_order(size: int) -> None:
    """Also where the crops' centres are half a pixel apart."""
    small = Raster.of(ModelConfig(image_size=size))
    reads = PIXELS.read_from(small)
    first = int(reads[:, 0].argmax())
    assert abs(first - (16 - size) / 2) <= 0.5
    assert torch.equal(reads, torch.eye(16)[:, first : first + size])
    back = small.read_from(PIXELS)
    first = int(back[0].argmax())
    assert abs(first - (16 - size) / 2) <= 0.5
    assert torch.equal(back, torch.eye(16)[first : first + size])


def test_a_coarse_map_reads_the_mean_of_the_fine_values_in_it_and_a_fine_one_the_coarse_value_around_it() -> None:
    coarse = PIXELS.after(POOLED)
    wanted = torch.eye(8).repeat_interleave(2, dim=1)
    assert torch.equal(coarse.read_from(PIXELS), wanted / 2)
    assert torch.equal(PIXELS.read_from(coarse), wanted.T)
    assert torch.equal(coarse.read_from(coarse), torch.eye(8))


def test_beyond_the_edge_there_is_nothing() -> None:
    assert PIXELS.read_from(Raster(0.0, 1.0, 2)).nonzero().tolist() == [[8, 0], [9, 1]]


def test_weights_of_copies_have_the_originals_sum_and_are_not_proportional() -> None:
    weight = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    reads = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    link = replace(LINK, reads=reads, origins=torch.tensor([0, 1, 0]))
    values = link.values(weight, torch.Generator().manual_seed(1))
    torch.testing.assert_close(values[:, 0] + values[:, 2], weight[:, 0])
    assert torch.equal(values[:, 1], weight[:, 1])
    assert (values[:, 0] / weight[:, 0]).std() > 0.1
    assert torch.equal(link.values(weight)[:, 0], weight[:, 0] / 2)
    apart = link.told_apart(torch.eye(3), torch.Generator().manual_seed(1))
    torch.testing.assert_close(apart[:, 0] + apart[:, 2], torch.tensor([1.0, 0.0, 1.0]))
    assert torch.equal(apart[:, 1], torch.tensor([0.0, 1.0, 0.0]))
    assert apart[0, 2] != 0


def test_moments_of_a_coarser_map_are_the_mean_of_those_in_it() -> None:
    coarse, ones = PIXELS.after(POOLED), torch.ones(3, 2, 16, 16)
    link = replace(LINK, maps=(PIXELS, coarse), copies=torch.eye(2), flat=True)
    for power in (1, 2):
        assert torch.equal(link.moments(ones, power), torch.ones(3, 2, 8, 8))


def test_offsets_are_added_once_for_every_value_that_is_read() -> None:
    weight, offsets = torch.arange(8.0).view(1, 2, 2, 2), torch.tensor([1.0, 10.0])
    link = replace(LINK, offsets=offsets, maps=(Raster(0, 1, 2), Raster(0, 1, 2)))
    assert torch.equal(torch.as_tensor(link.offset(weight)), torch.tensor([0 + 1 + 2 + 3 + 10.0 * (4 + 5 + 6 + 7)]))
    assert LINK.offset(weight) == 0
    for found, wanted in ((link, [1.0, 10.0]), (link.flattened(), [1.0] * 4 + [10.0] * 4)):
        assert found.each_offset is not None
        assert found.each_offset.tolist() == wanted
    assert LINK.each_offset is None


def test_a_dense_layer_needs_the_same_maps_to_lose_nothing() -> None:
    assert LINK.flattened().exact
    assert LINK.flattened().width == 2 * 16 * 16
    assert LINK.width == 2
    assert not replace(LINK, maps=(PIXELS, Raster(-7.0, 1.0, 14))).flattened().exact
