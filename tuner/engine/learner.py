"""Replicates that take their training steps together."""

from typing import Any

import torch
from torch import Tensor

from tuner.config import Config
from tuner.engine.adam import MOMENTS, Adam
from tuner.engine.batches import Batch
from tuner.engine.nets import Nets
from tuner.engine.precision import Precision, autocast

EVALUATION_BATCH = 256

State = dict[str, Any]
"""A replicate's `net`, its `state_dict`, and `moments`, Adam's by parameter; none before the first step."""


class Learner:
    """K networks with one optimiser.

    Args:
        config: The trial's.
        nets: The networks.
        states: What they go on from: their moments are taken.
        precision: Of the products.
        device: Where they live.
        micro_batches: Parts that a step's images are passed through in, one after the other, to save memory.
    """

    def __init__(
        self,
        config: Config,
        nets: Nets,
        states: list[State],
        *,
        precision: Precision,
        device: torch.device,
        micro_batches: int = 1,
    ) -> None:
        self.micro_batches = micro_batches
        self._nets, self._size = nets, len(states)
        self._precision, self._device = precision, device
        self._adam = Adam(nets.leaves, config.training.learning_rate)
        self._load_moments(states)

    def learn(self, batch: Batch) -> Tensor:
        """The loss `[K]` before the step that is now taken: mean squared error over the entries that are not NaN.

        Raises:
            torch.OutOfMemoryError: the step was not taken.
        """
        before = [(buffer, buffer.clone()) for buffer in self._nets.buffers()]
        try:
            loss_K = self._differentiate(batch)
            self._adam.step()
        except torch.OutOfMemoryError:
            for buffer, value in before:
                buffer.copy_(value)
            raise
        finally:
            self._adam.zero_grad()
        return loss_K

    @torch.inference_mode()
    def predict(self, images_GBCHW: Tensor) -> Tensor:
        """Responses `[K, B, N]` in fp32."""
        with autocast(self._precision, self._device):
            parts = [
                self._nets.answers(part, training=False, noise=None, used=None).float()
                for part in images_GBCHW.split(EVALUATION_BATCH, dim=1)
            ]
        return torch.cat(parts, dim=1)

    def states(self, *, copy: bool = True) -> list[State]:
        """What each network goes on from, see `Pack.state`."""
        found = []
        for index in range(self._size):
            moments = {
                name: {
                    key: _on_cpu(value if key not in MOMENTS else self._nets.part(value, index), copy)
                    for key, value in self._adam.moments(name).items()
                }
                for name in self._nets.leaves
            }
            found.append({"net": self.weights(index, copy=copy), "moments": moments})
        return found

    def weights(self, index: int, *, copy: bool = True) -> dict[str, Tensor]:
        """A network's weights and buffers, see `Pack.state`."""
        return {name: _on_cpu(value, copy) for name, value in self._nets.weights(index).items()}

    def tensors(self) -> list[Tensor]:
        """Everything that a step changes: the tensors themselves."""
        moments = [value for name in self._nets.leaves for value in self._adam.moments(name).values()]
        return [*self._nets.leaves.values(), *self._nets.buffers(), *moments]

    def _differentiate(self, batch: Batch) -> Tensor:
        """The loss `[K]`, with its gradients and the penalty's added to the leaves'."""
        count_K = batch.responses.isfinite().sum((1, 2)).clamp(min=1)
        losses = []
        for part in batch.split(self.micro_batches) if self.micro_batches > 1 else [batch]:
            loss_K = self._squared_error(part) / count_K
            loss_K.sum().backward()
            losses.append(loss_K.detach())
        penalty = self._nets.penalty()
        if penalty.requires_grad:
            penalty.backward()
        return torch.stack(losses).sum(0)

    def _squared_error(self, batch: Batch) -> Tensor:
        with autocast(self._precision, self._device):
            prediction_KBN = self._nets.answers(batch.images, training=True, noise=batch.noise, used=batch.used)
        recorded = batch.responses.isfinite()
        error = torch.where(recorded, prediction_KBN.float() - batch.responses.nan_to_num(), 0.0)
        return error.square().sum((1, 2))

    def _load_moments(self, states: list[State]) -> None:
        for index, state in enumerate(states):
            for name, moments in state["moments"].items():
                mine = self._adam.moments(name)
                for key in MOMENTS:
                    self._nets.part(mine[key], index).copy_(moments[key])
                mine["step"].copy_(moments["step"])


def _on_cpu(tensor: Tensor, copy: bool) -> Tensor:
    return tensor.detach().to("cpu", copy=copy).contiguous()
