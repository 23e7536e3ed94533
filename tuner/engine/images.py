"""The images and responses of a trial, on the device that trains on them."""

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.distortions import crop_centre, distort, draw
from tuner.dataset.load import Dataset
from tuner.model import IMAGE_CENTRE
from tuner.seeding import seed_of


class Images:
    """The L labelled images, as a training step sees them.

    The distorted images of a step follow from the repeat's name and the step, so the folds of one repeat share them.

    Args:
        config: The trial's.
        dataset: Its labelled images are L, its neurons N.
        seed: The pack's.
        device: Where they live.
        memory_format: Of the crops.

    Attributes:
        centred: `[L, 3, S, S]`, the undistorted crops less `IMAGE_CENTRE`.
        responses: `[L, N]`, NaN where not recorded.
        distorted: Whether the config asks for any distortion.
    """

    def __init__(
        self, config: Config, dataset: Dataset, *, seed: int, device: torch.device, memory_format: torch.memory_format
    ) -> None:
        self._config, self._seed, self._format = config, seed, memory_format
        self.distorted = any(value is not None for _, value in config.data.distortions)
        self.responses = torch.tensor(dataset.responses, device=device)
        pixels = torch.from_numpy(dataset.images[dataset.labelled]).movedim(-1, 1)
        cropped = _scaled(crop_centre(pixels, config.model.image_size), device)
        self.centred = cropped.contiguous(memory_format=memory_format).sub_(IMAGE_CENTRE)
        self._whole = _scaled(pixels, device) if self.distorted else self.centred
        self._step, self._shared = -1, dict[int, Tensor]()

    def seen(self, repeat: int, step: int, rows: Tensor | None = None) -> Tensor:
        """What the replicates of a repeat see at a step: the centred images at `rows`, or all, distorted anew."""
        if not self.distorted:
            return self.centred if rows is None else _taken(self.centred, rows)
        if rows is not None and self._config.training.batch_size is not None:
            return self._distort(repeat, step, rows)
        if self._step != step:
            self._step, self._shared = step, {}
        if repeat not in self._shared:
            self._shared[repeat] = self._distort(repeat, step, None)
        return self._shared[repeat] if rows is None else _taken(self._shared[repeat], rows)

    def _distort(self, repeat: int, step: int, rows: Tensor | None) -> Tensor:
        distortions = self._config.data.distortions
        generator = torch.Generator().manual_seed(seed_of(self._seed, "distortion", repeat, step))
        amounts = draw(distortions, len(self._whole), generator)
        if rows is not None:
            amounts = amounts.take(rows.cpu())
        chosen = self._whole if rows is None else self._whole[rows]
        images = distort(chosen, amounts.to(chosen.device), distortions, self._config.model.image_size)
        return images.contiguous(memory_format=self._format) - IMAGE_CENTRE


def mean_response(responses_BN: Tensor) -> Tensor:
    """Each neuron's mean `[N]` over its responses; the mean of all where a neuron has none."""
    mean_N = responses_BN.nanmean(dim=0)
    return torch.where(mean_N.isfinite(), mean_N, responses_BN.nanmean()).nan_to_num()


def _taken(images_BCHW: Tensor, rows: Tensor) -> Tensor:
    """`images[rows]`, lying as the images do; whole images are copied, in two fifths of the time of indexing."""
    if images_BCHW.is_contiguous():
        return images_BCHW.index_select(0, rows)
    return images_BCHW.movedim(1, -1).index_select(0, rows).movedim(-1, 1)


def _scaled(pixels: Tensor, device: torch.device) -> Tensor:
    """Floating point in 0..1, a copy."""
    images = pixels.to(device, torch.float32, copy=True)
    return images.div_(255) if pixels.dtype == torch.uint8 else images
