"""Laws of the random distortions; torchvision's functional transforms, one image at a time, are the oracle."""

from collections import Counter
from dataclasses import fields

import pytest
import torch
import torchvision.transforms.functional as torchvision_functional
from torch import Tensor
from torchvision.transforms import InterpolationMode

from tuner.config import Brightness, Distortions, FlipLeftRight, FlipUpDown, Rotate, RotateChoice, Saturation
from tuner.dataset.distortions import Amounts, crop_centre, distort, draw

LEFT_RIGHT, UP_DOWN = FlipLeftRight(), FlipUpDown()
CHOICE = RotateChoice(angles=(-90.0, 0.0, 25.0, 90.0, 180.0))
BILINEAR, NEAREST = Rotate(max_angle=180.0), Rotate(max_angle=180.0, interpolation="NEAREST")
BRIGHTNESS, SATURATION = Brightness(max_factor=1.0), Saturation(min_value=0.0, max_value=2.0)

EXACT = 0.0  # pixels are copied
ROUNDING = 1e-6  # a few float32 operations on values of at most 2
# Positions of up to 81 pixels are rounded to 8e-6 of a pixel, and neighbouring pixels of noise differ by up to 1.
POSITION = 1e-5

ALONE = {
    "flip_left_right": (Distortions(flip_left_right=LEFT_RIGHT), EXACT),
    "flip_up_down": (Distortions(flip_up_down=UP_DOWN), EXACT),
    "rotate_choice": (Distortions(rotate_choice=CHOICE), POSITION),
    "rotate": (Distortions(rotate=BILINEAR), POSITION),
    "rotate_nearest": (Distortions(rotate=NEAREST), POSITION),
    "brightness": (Distortions(brightness=BRIGHTNESS), ROUNDING),
    "saturation": (Distortions(saturation=SATURATION), ROUNDING),
}
EVERYTHING = Distortions(
    flip_left_right=LEFT_RIGHT,
    flip_up_down=UP_DOWN,
    rotate_choice=CHOICE,
    rotate=BILINEAR,
    brightness=BRIGHTNESS,
    saturation=SATURATION,
)
TOGETHER = {
    "nothing": (Distortions(), EXACT),
    "both_flips": (Distortions(flip_left_right=LEFT_RIGHT, flip_up_down=UP_DOWN), EXACT),
    "flip_rotate": (Distortions(flip_left_right=LEFT_RIGHT, rotate=BILINEAR), 2 * POSITION),
    "flip_rotate_nearest": (Distortions(flip_up_down=UP_DOWN, rotate=NEAREST), POSITION),
    "two_rotations": (Distortions(rotate_choice=CHOICE, rotate=BILINEAR), 2 * POSITION),
    "bright_colour": (Distortions(brightness=BRIGHTNESS, saturation=SATURATION), ROUNDING),
    # Two rotations and flips add up, brightness and saturation multiply by up to 2 each.
    "everything": (EVERYTHING, 8 * POSITION),
}
TABLE = ALONE | TOGETHER
# Odd and even, differences to the crop that torchvision rounds up (7, 3) and down (33, 5), and no margin at all.
SIZES = [(80, 80, 48), (81, 80, 48), (27, 40, 20), (40, 27, 20), (23, 25, 20), (20, 31, 20), (21, 21, 21)]


def _images(height: int = 31, width: int = 40, num_images: int = 24, channels: int = 3) -> Tensor:
    return torch.rand(num_images, channels, height, width, generator=_generator(0))


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _oracle(image_CHW: Tensor, amount: dict[str, float], distortions: Distortions, size: int) -> Tensor:
    """One image through torchvision's transforms, in the order of the settings."""
    tv = torchvision_functional
    if amount.get("flip_left_right"):
        image_CHW = tv.hflip(image_CHW)
    if amount.get("flip_up_down"):
        image_CHW = tv.vflip(image_CHW)
    if "rotate_choice" in amount:
        image_CHW = tv.rotate(image_CHW, amount["rotate_choice"], InterpolationMode.BILINEAR, expand=False, fill=[0.0])
    if distortions.rotate is not None:
        mode = InterpolationMode[distortions.rotate.interpolation]
        image_CHW = tv.rotate(image_CHW, amount["rotate"], mode, expand=False, fill=[0.0])
    image_CHW = tv.center_crop(image_CHW, [size, size])
    if "brightness" in amount:
        image_CHW = tv.adjust_brightness(image_CHW, amount["brightness"])
    if "saturation" in amount:
        image_CHW = tv.adjust_saturation(image_CHW, amount["saturation"])
    return image_CHW


def _one_at_a_time(images_BCHW: Tensor, amounts: Amounts, distortions: Distortions, size: int) -> Tensor:
    drawn = _drawn(amounts)
    return torch.stack(
        [
            _oracle(image_CHW, {name: value_B[index].item() for name, value_B in drawn.items()}, distortions, size)
            for index, image_CHW in enumerate(images_BCHW)
        ]
    )


def _drawn(amounts: Amounts) -> dict[str, Tensor]:
    """The amounts that are not None, by name."""
    values = {field.name: getattr(amounts, field.name) for field in fields(amounts)}
    return {name: value_B for name, value_B in values.items() if value_B is not None}


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
@pytest.mark.parametrize("name", TABLE)
def test_equals_torchvision_one_image_at_a_time(name: str, height: int, width: int, size: int) -> None:
    distortions, tolerance = TABLE[name]
    images_BCHW = _images(height, width)
    amounts = draw(distortions, len(images_BCHW), _generator())
    error_BCSS = distort(images_BCHW, amounts, distortions, size) - _one_at_a_time(
        images_BCHW, amounts, distortions, size
    )
    wrong_BCSS = error_BCSS.abs() > tolerance
    # A position halfway between two pixels may go to either, where another build rounds its last digit differently.
    allowed = 0.005 if distortions.rotate is NEAREST else 0.0
    assert wrong_BCSS.double().mean() <= allowed


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 7.5, 100.0])
def test_any_allowed_saturation_equals_torchvision(factor: float) -> None:
    distortions, images_BCHW = Distortions(saturation=Saturation(min_value=0.0, max_value=100.0)), _images()
    amounts = Amounts(saturation=torch.full((len(images_BCHW),), factor))
    expected_BCSS = _one_at_a_time(images_BCHW, amounts, distortions, 20)
    ours_BCSS = distort(images_BCHW, amounts, distortions, 20)
    torch.testing.assert_close(ours_BCSS, expected_BCSS, rtol=0, atol=ROUNDING * max(1.0, factor))


def test_saturation_leaves_grey_images_of_one_channel_alone() -> None:
    distortions, images_BCHW = Distortions(saturation=SATURATION), _images(channels=1)
    ours_BCSS = distort(images_BCHW, draw(distortions, len(images_BCHW), _generator()), distortions, 20)
    assert torch.equal(ours_BCSS, crop_centre(images_BCHW, 20))


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_crop_is_torchvisions(height: int, width: int, size: int) -> None:
    images_BCHW = _images(height, width)
    assert torch.equal(crop_centre(images_BCHW, size), torchvision_functional.center_crop(images_BCHW, [size, size]))


def test_positive_angles_turn_anticlockwise() -> None:
    distortions, images_BCHW = Distortions(rotate_choice=RotateChoice(angles=(90.0,))), _images(30, 30)
    ours_BCSS = distort(images_BCHW, draw(distortions, len(images_BCHW), _generator()), distortions, 20)
    expected_BCSS = crop_centre(images_BCHW.rot90(1, dims=(-2, -1)), 20)
    torch.testing.assert_close(ours_BCSS, expected_BCSS, rtol=0, atol=POSITION)


@pytest.mark.parametrize("rotate", [BILINEAR, NEAREST])
def test_rotated_corners_show_what_was_beyond_the_crop(rotate: Rotate) -> None:
    distortions, white_BCHW = Distortions(rotate_choice=CHOICE, rotate=rotate), torch.ones(24, 3, 40, 40)
    ours_BCSS = distort(white_BCHW, draw(distortions, 24, _generator()), distortions, 20)
    torch.testing.assert_close(ours_BCSS, torch.ones(24, 3, 20, 20), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", TABLE)
def test_result_stays_within_0_and_1(name: str) -> None:
    distortions, _ = TABLE[name]
    ours_BCSS = distort(_images(), draw(distortions, 24, _generator()), distortions, 20)
    assert ours_BCSS.min() >= 0
    assert ours_BCSS.max() <= 1 + ROUNDING  # the weights of a bilinear mean add up to 1 within rounding


@pytest.mark.parametrize("name", TABLE)
def test_input_is_left_unchanged(name: str) -> None:
    distortions, _ = TABLE[name]
    images_BCHW, amounts = _images(), draw(distortions, 24, _generator())
    amounts_before = {name: value_B.clone() for name, value_B in _drawn(amounts).items()}
    distort(images_BCHW, amounts, distortions, 20)
    assert torch.equal(images_BCHW, _images())
    assert all(torch.equal(value_B, amounts_before[name]) for name, value_B in _drawn(amounts).items())


@pytest.mark.parametrize("name", TABLE)
def test_channels_last_images_give_the_same_values(name: str) -> None:
    distortions, _ = TABLE[name]
    images_BCHW, amounts = _images(), draw(distortions, 24, _generator())
    last_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    ours_BCSS = distort(last_BCHW, amounts, distortions, 20)
    torch.testing.assert_close(ours_BCSS, distort(images_BCHW, amounts, distortions, 20), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", ["brightness", "saturation", "bright_colour"])
def test_pointwise_distortions_keep_channels_last(name: str) -> None:
    distortions, _ = TABLE[name]
    last_BCHW = _images().contiguous(memory_format=torch.channels_last)
    ours_BCSS = distort(last_BCHW, draw(distortions, 24, _generator()), distortions, 20)
    assert ours_BCSS.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", TABLE)
def test_autocast_changes_nothing(name: str) -> None:
    distortions, _ = TABLE[name]
    images_BCHW, amounts = _images(), draw(distortions, 24, _generator())
    expected_BCSS = distort(images_BCHW, amounts, distortions, 20)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distort(images_BCHW, amounts, distortions, 20), expected_BCSS)


@pytest.mark.parametrize("index", [torch.tensor([5, 2, 2, 23]), torch.arange(24) % 3 == 0])
@pytest.mark.parametrize("name", TABLE)
def test_distorting_a_selection_is_selecting_the_distorted(name: str, index: Tensor) -> None:
    distortions, _ = TABLE[name]
    images_BCHW, amounts = _images(), draw(distortions, 24, _generator())
    ours_BCSS = distort(images_BCHW[index], amounts.take(index), distortions, 20)
    assert torch.equal(ours_BCSS, distort(images_BCHW, amounts, distortions, 20)[index])


def test_identity_amounts_leave_images_alone() -> None:
    images_BCHW = _images()
    off_B, zero_B, one_B = torch.zeros(24, dtype=torch.bool), torch.zeros(24), torch.ones(24)
    amounts = Amounts(off_B, off_B, zero_B, zero_B, one_B, one_B)
    ours_BCSS = distort(images_BCHW, amounts, EVERYTHING, 20)
    torch.testing.assert_close(ours_BCSS, crop_centre(images_BCHW, 20), rtol=0, atol=2 * POSITION)


def test_only_what_is_configured_is_drawn() -> None:
    assert _drawn(draw(Distortions(), 5, _generator())) == {}
    for name in Distortions.model_fields:
        assert list(_drawn(draw(ALONE[name][0], 5, _generator()))) == [name]


@pytest.mark.parametrize("name", ["rotate", "brightness", "saturation"])
def test_each_image_has_its_own_amount(name: str) -> None:
    amount_B = _drawn(draw(EVERYTHING, 100, _generator()))[name]
    assert len(set(amount_B.tolist())) == 100  # two of 100 draws from 2**24 values are equal with probability 3e-4


@pytest.mark.parametrize(
    ("name", "low", "high"), [("rotate", -180.0, 180.0), ("brightness", 0.0, 2.0), ("saturation", 0.0, 2.0)]
)
def test_amounts_are_spread_evenly_between_their_bounds(name: str, low: float, high: float) -> None:
    amount_B = _drawn(draw(EVERYTHING, 10_000, _generator()))[name]
    assert amount_B.min() >= low
    assert amount_B.max() <= high
    tenths = torch.histc(amount_B, bins=10, min=low, max=high)
    assert (tenths - 1000).abs().max() < 150  # 5 standard deviations of a binomial count


@pytest.mark.parametrize("name", ["flip_left_right", "flip_up_down"])
def test_half_of_the_images_are_flipped(name: str) -> None:
    flip_B = _drawn(draw(EVERYTHING, 10_000, _generator()))[name]
    assert flip_B.dtype is torch.bool
    assert abs(int(flip_B.sum()) - 5000) < 250  # 5 standard deviations


def test_the_two_flips_are_independent() -> None:
    drawn = _drawn(draw(EVERYTHING, 10_000, _generator()))
    both_B = drawn["flip_left_right"] & drawn["flip_up_down"]
    assert abs(int(both_B.sum()) - 2500) < 220  # 5 standard deviations


def test_each_angle_is_chosen_equally_often() -> None:
    angle_B = _drawn(draw(EVERYTHING, 10_000, _generator()))["rotate_choice"]
    counts = Counter(angle_B.tolist())
    assert set(counts) == set(CHOICE.angles)
    assert all(abs(count - 2000) < 200 for count in counts.values())  # 5 standard deviations


def test_generator_alone_decides_the_amounts() -> None:
    first = _drawn(draw(EVERYTHING, 50, _generator(1)))
    torch.rand(7)  # the global generator has no part in it
    again, other = _drawn(draw(EVERYTHING, 50, _generator(1))), _drawn(draw(EVERYTHING, 50, _generator(2)))
    assert all(torch.equal(first[name], again[name]) for name in Distortions.model_fields)
    assert not any(torch.equal(first[name], other[name]) for name in Distortions.model_fields)


def test_one_generator_gives_new_amounts_at_every_draw() -> None:
    generator = _generator()
    first, second = _drawn(draw(EVERYTHING, 50, generator)), _drawn(draw(EVERYTHING, 50, generator))
    assert not any(torch.equal(first[name], second[name]) for name in Distortions.model_fields)


def test_amounts_have_the_fields_of_the_settings_in_order() -> None:
    assert [field.name for field in fields(Amounts)] == list(Distortions.model_fields)


@pytest.mark.parametrize("name", ["nothing", "rotate", "everything"])
@pytest.mark.parametrize(("height", "width"), [(19, 40), (40, 19)])
def test_images_smaller_than_the_crop_are_refused(name: str, height: int, width: int) -> None:
    distortions, _ = TABLE[name]
    with pytest.raises(AssertionError, match="cannot crop 20 pixels out of 19"):
        distort(_images(height, width), draw(distortions, 24, _generator()), distortions, 20)


@pytest.mark.parametrize("name", Distortions.model_fields)
def test_amounts_of_other_distortions_are_refused(name: str) -> None:
    with pytest.raises(AssertionError, match=name):
        distort(_images(), Amounts(), ALONE[name][0], 20)
    with pytest.raises(AssertionError, match=name):
        distort(_images(), draw(ALONE[name][0], 24, _generator()), Distortions(), 20)
