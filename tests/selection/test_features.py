import numpy as np
import pytest

from tuner.selection.features import image_features

NUM_FEATURES = 467


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (20, 20, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 30), (18, 31, 9), (2, 200, 150)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_any_size_have_the_same_number_of_finite_features(shape: tuple[int, ...], dtype: type) -> None:
    drawn = np.random.default_rng(0).random((*shape, 3))
    features = image_features((drawn * (255 if dtype == np.uint8 else 1)).astype(dtype))
    assert features.shape == (shape[0], NUM_FEATURES)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_the_same_images_have_the_same_features_and_stay_as_they_are(images: np.ndarray) -> None:
    frozen = images.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(image_features(frozen), image_features(images))
    np.testing.assert_array_equal(frozen, images)


def test_an_image_has_its_features_in_any_company(images: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(len(images))
    together, shuffled = image_features(images), image_features(images[order])
    # Batches of other sizes are summed in another order.
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(image_features(images[7:8]), together[7:8], rtol=1e-4, atol=1e-5)


def test_integers_and_floating_point_say_the_same(images: np.ndarray) -> None:
    floating = (images / 255).astype(np.float32)
    np.testing.assert_allclose(image_features(floating), image_features(images), rtol=1e-4, atol=1e-5)


def test_a_larger_copy_of_an_image_has_nearly_its_features() -> None:
    place = np.linspace(0, 1, 64)
    smooth = 0.5 + 0.4 * np.sin(6 * place[:, None, None] + 4 * place[:, None] + np.arange(3)).astype(np.float32)
    features, larger = (image_features(image[None]) for image in (smooth, smooth.repeat(2, axis=0).repeat(2, axis=1)))
    # Resizing blurs the pixels' edges a little; another image's features differ by far more.
    other = image_features(smooth[None, ::-1].transpose(0, 2, 1, 3).copy())
    assert np.abs(larger - features).max() < 0.2 * np.abs(other - features).max()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_uniform_image_has_finite_features(level: int) -> None:
    assert np.isfinite(image_features(np.full((2, 16, 16, 3), level, dtype=np.uint8))).all()


def test_the_place_of_a_thing_matters_more_near_the_centre() -> None:
    centre, edge, nothing = np.zeros((3, 1, 64, 64, 3), dtype=np.float32)
    centre[:, 30:34, 30:34] = edge[:, 6:10, 6:10] = 1
    change = [image_features(image) - image_features(nothing) for image in (centre, edge)]
    assert np.square(change[0]).sum() > np.square(change[1]).sum()
