"""Weights and Adam's moments from a parent network to its child, whatever their configs.

What the parent computes is kept where that is possible, as in Net2Net (Chen, Goodfellow and Shlens 2016): an added
layer starts as the identity, a wider one with copies of its units, a larger "same" kernel with zeros around the smaller
one. Elsewhere what fits is kept, and the rest starts anew.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.config import ModelConfig
from tuner.mutation.alignment import align, same_shapes
from tuner.mutation.graft import Graft
from tuner.mutation.link import Link
from tuner.mutation.network import OUTPUT, Layer, Network, conv_layers, dense_layers
from tuner.mutation.passing import added, deleted

LayerPair = tuple[Layer | None, Layer | None]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Of batch normalisation: no weights."""


@dataclass(frozen=True, eq=False)
class Inheritance:
    """A child network, and what it has of its parent.

    Attributes:
        network: The child.
        inherited: How many of its weights are its parent's.
        total: How many weights it has.
        exact: Whether it computes the same as its parent, up to rounding, while it is evaluated.
    """

    network: Network
    inherited: int
    total: int
    exact: bool

    def __str__(self) -> str:
        share = 100 * self.inherited / max(1, self.total)
        return f"inherited {share:.0f} % of {_count(self.total)} weights"


@torch.no_grad()
def inherit(parent: Network, child: Network, generator: torch.Generator) -> Inheritance:
    """The child with all that it can go on from of its parent.

    Args:
        parent: On the CPU, after any number of steps.
        child: Newly initialised: its values where the parent has none. It is left as it is.
        generator: Draws which units are copied, and the noise that tells copies apart.

    Returns:
        New tensors. Parameters without moments are to start with none.
    """
    total = sum(values.numel() for name, values in child.net.items() if not name.endswith(STATISTICS))
    if _is_alike(parent, child):
        net = {name: values.clone() for name, values in parent.net.items()}
        moments = {name: {key: value.clone() for key, value in kept.items()} for name, kept in parent.moments.items()}
        return Inheritance(Network(child.model, net, moments), total, total, exact=True)
    graft, link = Graft(parent, child, generator), Link.between(parent.model, child.model)
    read, convs = _weights_read(parent), len(parent.model.conv_layers)
    link = _walk(graft, parent, link, _conv_pairs(parent.model, child.model), read)
    link = _walk(graft, parent, link.flattened(), _dense_pairs(parent.model, child.model), read[convs:])
    return Inheritance(Network(child.model, graft.net, graft.moments), graft.inherited, total, link.exact)


def _is_alike(parent: Network, child: Network) -> bool:
    one, other = parent.model, child.model
    return (
        one.image_size == other.image_size
        and same_shapes(one.conv_layers, other.conv_layers)
        and same_shapes(one.dense_layers, other.dense_layers)
    )


def _walk(graft: Graft, parent: Network, link: Link, pairs: list[LayerPair], read: list[Tensor]) -> Link:
    """Behind the last of the layers; `read` are the weights of the parent's, and of the layer that follows them."""
    passed = 0
    for old, new in pairs:
        passed += old is not None
        if old is not None and new is not None:
            link = graft.matched(link, old, new, read[passed] if passed < len(read) else None)
        elif old is not None:
            link = deleted(parent, link, old, graft.generator)
        elif new is not None:
            link = added(graft, link, new, read[passed])
    return link


def _conv_pairs(parent: ModelConfig, child: ModelConfig) -> list[LayerPair]:
    old, new = conv_layers(parent), conv_layers(child)
    pairs = align(parent.conv_layers, child.conv_layers)
    return [(None if i is None else old[i], None if j is None else new[j]) for i, j in pairs]


def _dense_pairs(parent: ModelConfig, child: ModelConfig) -> list[LayerPair]:
    old, new = dense_layers(parent), dense_layers(child)
    pairs = align(parent.dense_layers, child.dense_layers)
    found: list[LayerPair] = [(None if i is None else old[i], None if j is None else new[j]) for i, j in pairs]
    return [*found, (old[OUTPUT], new[OUTPUT])]


def _weights_read(network: Network) -> list[Tensor]:
    """`[O, P, Y, X]` for each layer: the weights that read the P channels in front of it."""
    model = network.model
    found = [network.net[layer.weight] for layer in conv_layers(model)]
    channels = model.conv_layers[-1].num_filters if model.conv_layers else 3
    for number, layer in enumerate(dense_layers(model)):
        weight = network.net[layer.weight]
        size = math.isqrt(weight.shape[1] // channels) if number == 0 else 1
        found.append(weight.view(len(weight), -1, size, size))
    return found


def _count(number: int) -> str:
    """About how many, in three digits at most: 1.2 M."""
    for factor, unit in ((10**6, " M"), (10**3, " k")):
        if number >= 0.9995 * factor:
            return f"{number / factor:.{1 if number < 10 * factor else 0}f}{unit}"
    return str(number)
