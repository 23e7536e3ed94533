"""Several networks as one model: the mean of their answers."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tuner.config import Config
from tuner.engine.checkpoint import Weights
from tuner.errors import InputError
from tuner.model import ConvNet


class Ensemble(nn.Module):
    """The mean response `[B, N]` of several networks, of any configs, to images `[B, S, S, 3]` in 0..1."""

    def __init__(self, nets: Iterable[ConvNet]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, images_BHWC: Tensor) -> Tensor:
        """Responses, square roots of spike counts."""
        images = images_BHWC.permute(0, 3, 1, 2)
        return torch.stack([net(images) for net in self.nets]).mean(dim=0)


def networks_of(config: Config, num_neurons: int, weights: Weights) -> list[ConvNet]:
    """The replicates whose weights these are, in fp32 on the CPU, ready to predict.

    Raises:
        InputError: the weights are another architecture's.
    """
    if config.model.num_classes not in (None, num_neurons):
        told = config.model.num_classes
        raise InputError(f"the config has num_classes: {told}, but the weights are of {num_neurons} neurons")
    nets = []
    for name, values in sorted(weights.items()):
        net = ConvNet(config.model, num_neurons, torch.Generator())
        try:
            net.load_state_dict(values)
        except RuntimeError:
            raise InputError(
                f"the weights of {name} do not fit the config: it was changed after they were trained"
            ) from None
        nets.append(net.eval())
    return nets


def ensemble_of(config: Config, num_neurons: int, weights: Weights) -> Ensemble:
    """The mean of the replicates whose weights these are.

    Raises:
        InputError: as `networks_of`.
    """
    return Ensemble(networks_of(config, num_neurons, weights)).eval()
