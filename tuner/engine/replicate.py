"""One network of a trial with its optimiser."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.splits import Split
from tuner.engine.precision import Precision, autocast
from tuner.model import ConvNet
from tuner.seeding import seed_of

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Batch:
    """What one training step sees: images `[B, 3, S, S]` and responses `[B, N]`, NaN where not recorded."""

    images: Tensor
    responses: Tensor


class Replicate:
    """One network, trained on its split's part of the images, with random numbers of its own.

    Args:
        config: The trial's.
        split: Which images it trains on.
        bias_N: What the network answers at first, `[N]`.
        seed: The pack's; the replicate's own seeds follow from it and the split's name.
        device: Where it lives.
        precision: Of its products.
    """

    def __init__(
        self, config: Config, split: Split, bias_N: Tensor, *, seed: int, device: torch.device, precision: Precision
    ) -> None:
        self.split = split
        self.seed = seed_of(seed, "replicate", split.repeat, split.fold)
        self.diverged = False
        self._device, self._precision = device, precision
        net = ConvNet(config.model, len(bias_N), torch.Generator().manual_seed(seed_of(self.seed, "weights")))
        with torch.no_grad():
            net.logits.bias.copy_(bias_N)
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.Adam(self.net.parameters(), lr=config.training.learning_rate, fused=True)
        self._dropout = torch.Generator(device)

    @property
    def name(self) -> str:
        """What a pack's state calls it."""
        return f"repeat{self.split.repeat}-fold{self.split.fold}"

    def train(self, batch: Batch, step: int) -> Tensor:
        """The loss before the step that is now taken: mean squared error over the entries that are not NaN."""
        self.net.train()
        self._dropout.manual_seed(seed_of(self.seed, "dropout", step))
        recorded = batch.responses.isfinite()
        with autocast(self._precision, self._device):
            prediction = self.net(batch.images, self._dropout)
        error = torch.where(recorded, prediction.float() - batch.responses.nan_to_num(), 0.0)
        loss = error.square().sum() / recorded.sum().clamp(min=1)
        self._optimiser.zero_grad(set_to_none=True)
        (loss + self.net.penalty()).backward()
        self._optimiser.step()
        return loss.detach()

    @torch.inference_mode()
    def predict(self, images_BCHW: Tensor) -> Tensor:
        """Responses `[B, N]` in fp32."""
        self.net.eval()
        with autocast(self._precision, self._device):
            parts = [self.net(part).float() for part in images_BCHW.split(EVALUATION_BATCH)]
        return torch.cat(parts)

    def state(self) -> dict[str, Any]:
        """Everything that training goes on from, as tensors and plain values; a copy."""
        return {
            "net": weights_of(self.net),
            "optimiser": _copied(self._optimiser.state_dict()),
            "diverged": self.diverged,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The replicate as it was when `state` was taken."""
        self.net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(_copied(state["optimiser"]))
        for parameter, moments in self._optimiser.state.items():
            for name in ("exp_avg", "exp_avg_sq"):
                # The fused step pairs numbers by their place in memory, so the moments must lie as the parameter does.
                moments[name] = torch.empty_like(parameter).copy_(moments[name])
        self.diverged = state["diverged"]


def weights_of(net: ConvNet) -> dict[str, Tensor]:
    """A copy of the network's weights and buffers on the CPU, in PyTorch's default memory layout."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in net.state_dict().items()}


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
