"""PyTorch's fused Adam with moments that are loaded in place."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

MOMENTS = ("exp_avg", "exp_avg_sq")


class Adam:
    """Kingma and Ba's (2015) Adam over named parameters.

    The moments exist from the start and never move, as a recorded CUDA graph requires; and they lie in memory as their
    parameters do, since the fused step pairs numbers by their place.

    Args:
        parameters: Leaf tensors that require gradients.
        learning_rate: Of all of them.
    """

    def __init__(self, parameters: Mapping[str, Tensor], learning_rate: float) -> None:
        self._parameters = dict(parameters)
        on_gpu = all(parameter.is_cuda for parameter in self._parameters.values())
        self._adam = torch.optim.Adam(self._parameters.values(), lr=learning_rate, fused=True, capturable=on_gpu)
        for parameter in self._parameters.values():
            moments = {name: torch.zeros_like(parameter, requires_grad=False) for name in MOMENTS}
            self._adam.state[parameter] = {"step": torch.zeros((), device=parameter.device), **moments}

    def zero_grad(self) -> None:
        """No parameter has a gradient."""
        self._adam.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Every parameter has moved along its gradient."""
        self._adam.step()

    def moments(self, name: str) -> dict[str, Tensor]:
        """`step`, `exp_avg` and `exp_avg_sq` of a parameter: the tensors themselves."""
        state: dict[str, Any] = self._adam.state[self._parameters[name]]
        return state
