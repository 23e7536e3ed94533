"""Random distortions: amounts are drawn for every image, then applied to all images at once.

Shapes: `B` images of `C` channels, `H` rows and `W` columns; `R` rows and `S` columns of output; `2` is (x, y).
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from tuner.config import Distortions


@dataclass(frozen=True, eq=False)
class Amounts:
    """How much each of B images is distorted; the fields are those of `Distortions`, None where not configured."""

    flip_left_right: Tensor | None = None
    """`[B]` bool, True where the image is mirrored."""
    flip_up_down: Tensor | None = None
    """`[B]` bool, True where the image is mirrored."""
    rotate_choice: Tensor | None = None
    """`[B]` degrees, anticlockwise."""
    rotate: Tensor | None = None
    """`[B]` degrees, anticlockwise."""
    brightness: Tensor | None = None
    """`[B]` factors; 1 leaves the image alone."""
    saturation: Tensor | None = None
    """`[B]` factors; 1 leaves the image alone, 0 makes it grey."""

    def take(self, index_B: Tensor) -> "Amounts":
        """The amounts of the images at `index_B`: positions, or one bool an image."""
        return Amounts(*(None if amount_B is None else amount_B[index_B] for amount_B in self._all()))

    def to(self, device: torch.device) -> "Amounts":
        """The same amounts on `device`."""
        return Amounts(*(None if amount_B is None else amount_B.to(device) for amount_B in self._all()))

    def _all(self) -> tuple[Tensor | None, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


def draw(distortions: Distortions, num_images: int, generator: torch.Generator) -> Amounts:
    """Each image has its own amount of every configured distortion, on the generator's device.

    The generator's state alone decides them. Configuring one more distortion may change the amounts of the others.
    """

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(num_images, generator=generator, device=generator.device)

    def among(values: tuple[float, ...]) -> Tensor:
        index_B = torch.randint(len(values), (num_images,), generator=generator, device=generator.device)
        return torch.tensor(values, device=generator.device)[index_B]

    choice, rotate = distortions.rotate_choice, distortions.rotate
    bright, colour = distortions.brightness, distortions.saturation
    return Amounts(
        flip_left_right=None if distortions.flip_left_right is None else between(0, 1) < 0.5,
        flip_up_down=None if distortions.flip_up_down is None else between(0, 1) < 0.5,
        rotate_choice=None if choice is None else among(choice.angles),
        rotate=None if rotate is None else between(-rotate.max_angle, rotate.max_angle),
        brightness=None if bright is None else between(1 - bright.max_factor, 1 + bright.max_factor),
        saturation=None if colour is None else between(colour.min_value, colour.max_value),
    )


def distort(images_BCHW: Tensor, amounts: Amounts, distortions: Distortions, size: int) -> Tensor:
    """The centre crops of the distorted images.

    Equal to torchvision's functional transforms, one image at a time: flips and rotations (`fill=0`) of the whole
    image, so that a rotated corner shows what was beyond the crop; the crop; brightness and saturation, each clipped.

    Args:
        images_BCHW: Float32 or float64, 0..1; H and W at least `size`; C is 1 or 3 where saturation is configured.
        amounts: Drawn for these B images and these distortions, on any device.
        distortions: Which ones, and how `rotate` interpolates.
        size: Height and width of the crop, in pixels.

    Returns:
        `[B, C, size, size]`, a view of `images_BCHW` if there is nothing to do. Channels last only if the images
        are and are neither flipped nor rotated: sampling writes channels first.
    """
    for name in Distortions.model_fields:
        assert (getattr(amounts, name) is None) == (getattr(distortions, name) is None), name
    amounts = amounts.to(images_BCHW.device)
    distorted_BCSS = _moved_and_cropped(images_BCHW, amounts, distortions, size)
    if amounts.brightness is not None:
        distorted_BCSS = _brightened(distorted_BCSS, amounts.brightness)
    if amounts.saturation is not None:
        distorted_BCSS = _saturated(distorted_BCSS, amounts.saturation)
    return distorted_BCSS


def crop_centre(images_BCHW: Tensor, size: int) -> Tensor:
    """A view `[B, C, size, size]` of the images' centres, the same pixels as torchvision's `center_crop`."""
    height, width = images_BCHW.shape[-2:]
    top, left = _offset(height, size), _offset(width, size)
    return images_BCHW[..., top : top + size, left : left + size]


@dataclass(frozen=True, eq=False)
class _Turn:
    """A rotation by `angle_B` degrees of images that are first mirrored along the axes where `signs_B2` is -1."""

    angle_B: Tensor
    signs_B2: Tensor
    mode: str


def _moved_and_cropped(images_BCHW: Tensor, amounts: Amounts, distortions: Distortions, size: int) -> Tensor:
    turns = _turns(amounts, distortions, images_BCHW)
    if not turns:
        return crop_centre(images_BCHW, size)
    height, width = images_BCHW.shape[-2:]
    # Whether some angle brings the border into the crop, or into the pixel around it that a second rotation reads.
    fade = math.hypot(size, size) > min(height, width) - 4
    for turn in turns[:-1]:
        images_BCHW = _turned(images_BCHW, turn, height, width, fade)
    return _turned(images_BCHW, turns[-1], size, size, fade)


def _turns(amounts: Amounts, distortions: Distortions, images_BCHW: Tensor) -> list[_Turn]:
    """The rotations in order; the first also flips, since a mirrored position costs nothing and mirrored images do."""
    rotations = [] if amounts.rotate_choice is None else [(amounts.rotate_choice, "bilinear")]
    if amounts.rotate is not None and distortions.rotate is not None:
        rotations.append((amounts.rotate, distortions.rotate.interpolation.lower()))
    flips = (amounts.flip_left_right, amounts.flip_up_down)
    one_B = images_BCHW.new_ones(len(images_BCHW))
    if not rotations and any(flip_B is not None for flip_B in flips):
        rotations.append((torch.zeros_like(one_B), "nearest"))  # copies pixels, so flips alone stay exact
    flipped_B2 = torch.stack([one_B if flip_B is None else one_B.where(~flip_B, -1) for flip_B in flips], dim=-1)
    signs = (flipped_B2, torch.ones_like(flipped_B2))
    return [_Turn(angle_B, signs_B2, mode) for (angle_B, mode), signs_B2 in zip(rotations, signs, strict=False)]


def _turned(images_BCHW: Tensor, turn: _Turn, rows: int, columns: int, fade: bool) -> Tensor:
    """The central `rows` x `columns` pixels of the rotated images; only these are computed."""
    height, width = images_BCHW.shape[-2:]
    grid_BRS2 = _sources(turn, height, width, rows, columns)
    turned_BCRS = grid_sample(images_BCHW, grid_BRS2, mode=turn.mode, align_corners=False)
    if fade and turn.mode == "bilinear":
        # torchvision weights what straddles the border by its part inside twice: as it samples, and for the fill.
        inside_B1HW = images_BCHW.new_ones(1, 1, 1, 1).expand(len(images_BCHW), 1, height, width)
        turned_BCRS *= grid_sample(inside_B1HW, grid_BRS2, mode=turn.mode, align_corners=False)
    return turned_BCRS


def _sources(turn: _Turn, height: int, width: int, rows: int, columns: int) -> Tensor:
    """`[B, R, S, 2]`: where each output pixel comes from; -1 and 1 are the image's edges.

    Every rounding is that of torchvision's `rotate`: angles in double precision, and `addcmul` fuses like its matrix
    product, which would itself lose digits under autocast or TF32.
    """
    like = turn.signs_B2
    y_R, x_S = _positions(height, rows, like), _positions(width, columns, like)
    radians_B = turn.angle_B.double().deg2rad()
    cos_B, sin_B = radians_B.cos().to(like), radians_B.sin().to(like)
    half_2 = like.new_tensor([width / 2, height / 2])
    right_B2 = torch.stack([cos_B, sin_B], dim=-1) / half_2 * turn.signs_B2
    down_B2 = torch.stack([-sin_B, cos_B], dim=-1) / half_2 * turn.signs_B2
    # Columns and (x, y) are one axis here: an inner axis of 2 is slow.
    along_row_B = (right_B2[:, None] * x_S[:, None]).flatten(1)[:, None]
    grid_BR = torch.addcmul(along_row_B, y_R[:, None], down_B2.repeat(1, columns)[:, None])
    return grid_BR.view(-1, rows, columns, 2)


def _positions(length: int, size: int, like: Tensor) -> Tensor:
    """`[size]`: the pixels of the centre crop along one axis, in pixels from the image's centre."""
    return torch.arange(size, dtype=like.dtype, device=like.device) + (_offset(length, size) - (length - 1) / 2)


def _offset(length: int, size: int) -> int:
    """The first pixel of the centre crop along one axis; halves go to the even number, as in torchvision."""
    assert length >= size, f"cannot crop {size} pixels out of {length}"
    return round((length - size) / 2)


def _brightened(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    return (images_BCHW * factor_B.to(images_BCHW)[:, None, None, None]).clamp_(0, 1)


def _saturated(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    if images_BCHW.shape[1] == 1:
        return images_BCHW
    factor_B111 = factor_B.to(images_BCHW)[:, None, None, None]
    grey_B1HW = _grey(images_BCHW).mul_(1 - factor_B111)
    return (images_BCHW * factor_B111).add_(grey_B1HW).clamp_(0, 1)


def _grey(images_BCHW: Tensor) -> Tensor:
    """`[B, 1, H, W]`: torchvision's `rgb_to_grayscale`, summed in the same order."""
    assert images_BCHW.shape[1] == 3, "only images of 3 channels have a saturation"
    grey_B1HW = images_BCHW[:, 0:1] * 0.2989
    return grey_B1HW.add_(images_BCHW[:, 1:2] * 0.587).add_(images_BCHW[:, 2:3] * 0.114)
