"""Batch normalisations that a network's parent did not have, set to what they get."""

from typing import Any

import torch
from torch import Tensor, nn

from tuner.model import ConvNet
from tuner.mutation.network import Network

IMAGES = 256
"""So many are enough to look at."""


@torch.no_grad()
def settled(child: Network, centred_BCHW: Tensor) -> Network:
    """The network with each batch normalisation that has seen no batch set to the values that it gets.

    It computes the same while it is evaluated; and while it is trained on images like these, nearly the same too: the
    mean and size that a new normalisation takes off, it puts back. Otherwise training starts with another function.

    Args:
        child: On the CPU. It is left as it is.
        centred_BCHW: On the CPU, as the network is trained on, less `IMAGE_CENTRE`.
    """
    net = ConvNet(child.model, len(child.net["logits.bias"]))
    net.load_state_dict(dict(child.net))
    new = [norm for norm in net.norms if isinstance(norm, nn.BatchNorm2d) and norm.num_batches_tracked == 0]
    if not new:
        return child
    for norm in new:
        norm.register_forward_pre_hook(_settle)
    net.eval().respond(centred_BCHW.float())
    return Network(child.model, net.state_dict(), child.moments)


def _settle(norm: nn.Module, inputs: Any) -> None:
    """The same function, normalised by the mean and variance of its inputs."""
    assert isinstance(norm, nn.BatchNorm2d), "the caller's choice"
    assert norm.running_mean is not None, "it tracks them"
    assert norm.running_var is not None, "it tracks them"
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    norm.bias.add_(scale * (mean - norm.running_mean))
    norm.weight.copy_(scale * torch.sqrt(variance + norm.eps))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
