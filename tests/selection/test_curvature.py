import pytest
import torch

from tuner.selection.curvature import curvature

ALONG = torch.arange(9.0) - 4
Y, X = torch.meshgrid(ALONG, ALONG, indexing="ij")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (3 * X - 2 * Y, [0, 0, 0, 0, 0]),
        (X**2 + Y**2, [4, 0, 0, 2, 0]),
        (-(X**2) - Y**2, [0, 4, 0, 0, 2]),
        (X**2, [2, 0, 2, 0, 0]),
        (X * Y, [0, 0, 2, 0, 4 / 5]),
    ],
    ids=["slope", "valley", "hill", "trough", "saddle"],
)
def test_a_quadratic_has_its_own_second_derivatives(image: torch.Tensor, expected: list[float]) -> None:
    # Central differences are exact for quadratics; beside the squared gradient at x = 2, y = 1 its floor is below 1e-4.
    torch.testing.assert_close(curvature(image[None])[0, :, 5, 6], torch.tensor(expected).float(), rtol=1e-4, atol=1e-4)


def test_turning_or_mirroring_an_image_does_the_same_to_its_maps() -> None:
    image = torch.rand((2, 10, 10), generator=torch.Generator().manual_seed(0))
    maps = curvature(image)
    torch.testing.assert_close(curvature(image.rot90(dims=(1, 2))), maps.rot90(dims=(2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(curvature(image.flip(2)), maps.flip(3), rtol=1e-4, atol=1e-5)


def test_a_negative_swaps_hills_with_valleys_and_the_sides_of_bends() -> None:
    image = torch.rand((2, 10, 10), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(curvature(-image), curvature(image)[:, [1, 0, 2, 4, 3]])
