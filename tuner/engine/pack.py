"""The replicates of one trial, trained together."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.distortions import crop_centre, distort, draw
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split
from tuner.engine.precision import resolve
from tuner.engine.replicate import Batch, Replicate, weights_of
from tuner.seeding import seed_of


class Pack:
    """M networks of one architecture, each on its own split of the same images.

    A replicate in a pack is the replicate that it would be alone: its random numbers follow from its name and the step,
    and the distorted images that folds of one repeat share follow from the repeat's name and the step.

    Args:
        config: The trial's config.
        dataset: Its labelled images are L, its neurons N.
        splits: One a replicate.
        seed: Decides everything random.
        device: Where the pack lives.
    """

    def __init__(
        self, config: Config, dataset: Dataset, splits: tuple[Split, ...], *, seed: int, device: torch.device
    ) -> None:
        self.config, self.step = config, 0
        self._seed, self._device = seed, device
        self._images, self._responses = _tensors(dataset, device)
        size = config.model.image_size
        self._distorted = any(value is not None for _, value in config.data.distortions)
        self._cropped = crop_centre(self._images, size).contiguous(memory_format=torch.channels_last)
        precision = resolve(config.training.precision, device)
        self.replicates = tuple(
            Replicate(
                config,
                split,
                mean_response(self._responses[split.train]),
                seed=seed,
                device=device,
                precision=precision,
            )
            for split in splits
        )

    @property
    def diverged(self) -> bool:
        """Whether any replicate's loss has left the numbers."""
        return any(replicate.diverged for replicate in self.replicates)

    def train(self, steps: int) -> npt.NDArray[np.float64]:
        """The mean loss `[M]` over the steps that are now taken; a replicate that diverges has NaN, and rests."""
        losses = torch.zeros(len(self.replicates), dtype=torch.float64)
        for _ in range(steps):
            shared: dict[int, Tensor] = {}
            for index, replicate in enumerate(self.replicates):
                if replicate.diverged:
                    losses[index] = torch.nan
                    continue
                loss = replicate.train(self._batch(replicate, shared), self.step).cpu()
                losses[index] += loss / steps
                replicate.diverged = not bool(loss.isfinite())
            self.step += 1
        return losses.numpy()

    def evaluate(self) -> npt.NDArray[np.float32]:
        """Predictions `[M, L, N]` of each replicate for its held-out images; NaN for the others, and once diverged."""
        num_labelled, num_neurons = self._responses.shape
        predictions = np.full((len(self.replicates), num_labelled, num_neurons), np.nan, dtype=np.float32)
        for prediction, replicate in zip(predictions, self.replicates, strict=True):
            if len(replicate.split.held_out) and not replicate.diverged:
                found = replicate.predict(self._cropped[replicate.split.held_out]).cpu().numpy()
                replicate.diverged = not bool(np.isfinite(found).all())
                if not replicate.diverged:
                    prediction[replicate.split.held_out] = found
        return predictions

    def state(self) -> dict[str, Any]:
        """Everything that training goes on from, replicates by name; a copy."""
        return {"step": self.step, "replicates": {replicate.name: replicate.state() for replicate in self.replicates}}

    def load_state(self, state: dict[str, Any]) -> None:
        """The pack as it was when `state` was taken."""
        for replicate in self.replicates:
            replicate.load_state(state["replicates"][replicate.name])
        self.step = state["step"]

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """A copy of every replicate's weights, by its name."""
        return {replicate.name: weights_of(replicate.net) for replicate in self.replicates}

    def _batch(self, replicate: Replicate, shared: dict[int, Tensor]) -> Batch:
        rows = torch.from_numpy(self._rows(replicate)).to(self._device)
        if not self._distorted:
            return Batch(self._cropped[rows], self._responses[rows])
        if self.config.training.batch_size is not None:
            return Batch(self._distort(replicate.split.repeat, rows), self._responses[rows])
        repeat = replicate.split.repeat
        if repeat not in shared:
            shared[repeat] = self._distort(repeat, torch.arange(len(self._images), device=self._device))
        return Batch(shared[repeat][rows], self._responses[rows])

    def _distort(self, repeat: int, rows: Tensor) -> Tensor:
        distortions = self.config.data.distortions
        generator = torch.Generator().manual_seed(seed_of(self._seed, "distortion", repeat, self.step))
        amounts = draw(distortions, len(self._images), generator).take(rows.cpu()).to(self._device)
        images = distort(self._images[rows], amounts, distortions, self.config.model.image_size)
        return images.contiguous(memory_format=torch.channels_last)

    def _rows(self, replicate: Replicate) -> npt.NDArray[np.int64]:
        """The labelled images of this step: all of them, or the next `batch_size` of an endless sequence of epochs."""
        train, size = replicate.split.train, self.config.training.batch_size
        if size is None or size >= len(train):
            return train
        epoch, start = divmod(self.step * size, len(train))
        order = np.concatenate([_permuted(train, replicate.seed, epoch), _permuted(train, replicate.seed, epoch + 1)])
        return order[start : start + size]


def mean_response(responses_BN: Tensor) -> Tensor:
    """Each neuron's mean `[N]` over its responses; the mean of all where a neuron has none."""
    mean_N = responses_BN.nanmean(dim=0)
    return torch.where(mean_N.isfinite(), mean_N, responses_BN.nanmean()).nan_to_num()


def _permuted(train: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed_of(seed, "epoch", epoch)).permutation(train)


def _tensors(dataset: Dataset, device: torch.device) -> tuple[Tensor, Tensor]:
    """Labelled images `[L, 3, H, W]` in 0..1 and their responses `[L, N]`."""
    images = torch.from_numpy(dataset.images[dataset.labelled]).to(device).movedim(-1, 1).float()
    if dataset.images.dtype == np.uint8:
        images /= 255
    return images, torch.from_numpy(dataset.responses).to(device)
