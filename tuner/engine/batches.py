"""What replicates see at each step."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.splits import Split
from tuner.engine.draws import Noise, is_full_batch, rows_of
from tuner.engine.images import Images


@dataclass(frozen=True, eq=False)
class Batch:
    """What K replicates see at one step.

    Attributes:
        images: `[G, B, 3, S, S]`, centred; each of G runs of K / G replicates sees the same.
        responses: `[K, B, N]`, NaN where not recorded, and where the image is not the replicate's to train on.
        used: `[K, B]`, whether it is; None if all are.
        noise: `[K, B, U]`, see `Noise`; None without dropout.
    """

    images: Tensor
    responses: Tensor
    used: Tensor | None
    noise: Tensor | None

    def tensors(self) -> dict[str, Tensor]:
        """The parts that are there, by name."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in parts.items() if part is not None}

    def split(self, count: int) -> Iterator["Batch"]:
        """The same in `count` parts of nearly as many images each."""
        parts = {name: tensor.tensor_split(count, dim=1) for name, tensor in self.tensors().items()}
        for index in range(min(count, self.images.shape[1])):
            yield batch_of({name: tensors[index] for name, tensors in parts.items()})


def batch_of(tensors: dict[str, Tensor]) -> Batch:
    """The batch with these parts."""
    return Batch(tensors["images"], tensors["responses"], tensors.get("used"), tensors.get("noise"))


class Batches:
    """The batches of K replicates.

    A single replicate gets the images that it trains on. Several that train on all of their images get every labelled
    one, those of a repeat the same, and count what is theirs. Several with a batch size get one batch each.

    Args:
        config: The trial's.
        images: Its images.
        splits: One a replicate, those of a repeat in a row, equally many of each.
        seeds: The replicates' own.
    """

    def __init__(self, config: Config, images: Images, splits: tuple[Split, ...], seeds: tuple[int, ...]) -> None:
        self._size, self._images = config.training.batch_size, images
        self._splits, self._seeds = splits, seeds
        self._device = images.responses.device
        self._noise = Noise(config.model, self._device)
        self._full = all(is_full_batch(split, self._size) for split in splits)
        self._rows_KB = [torch.from_numpy(split.train).to(self._device) for split in splits]
        self._together = len(splits) > 1 and self._full
        if self._together:
            self._used_KL = torch.zeros(len(splits), len(images.responses), dtype=torch.bool, device=self._device)
            for used_L, rows_B in zip(self._used_KL, self._rows_KB, strict=True):
                used_L[rows_B] = True
            self._responses_KLN = images.responses.where(self._used_KL[:, :, None], torch.nan)
            # Of an image's random numbers among those of all replicates, one after the other; any for an unused image.
            self._place_KL = (self._used_KL.flatten().cumsum(0) - 1).clamp(min=0).view_as(self._used_KL)

    def at(self, step: int) -> Batch:
        """The batch of a step."""
        rows_KB = self._rows_KB if self._full else [self._rows(index, step) for index in range(len(self._splits))]
        noise_KBU = [
            self._noise.draw(len(rows_B), seed, step) for rows_B, seed in zip(rows_KB, self._seeds, strict=True)
        ]
        drawn = [noise_BU for noise_BU in noise_KBU if noise_BU is not None]
        if self._together:
            noise = torch.cat(drawn)[self._place_KL] if drawn else None
            return Batch(self._shared_images(step), self._responses_KLN, self._used_KL, noise)
        images = [
            self._images.seen(split.repeat, step, rows_B) for split, rows_B in zip(self._splits, rows_KB, strict=True)
        ]
        responses = [self._images.responses[rows_B] for rows_B in rows_KB]
        return Batch(_stacked(images), _stacked(responses), None, _stacked(drawn) if drawn else None)

    def _shared_images(self, step: int) -> Tensor:
        repeats = list(dict.fromkeys(split.repeat for split in self._splits))
        return _stacked(
            [self._images.seen(repeat, step) for repeat in (repeats if self._images.distorted else repeats[:1])]
        )

    def _rows(self, index: int, step: int) -> Tensor:
        rows = rows_of(self._splits[index], self._size, self._seeds[index], step)
        return torch.from_numpy(rows).to(self._device)


def _stacked(tensors: list[Tensor]) -> Tensor:
    return tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
