"""Layers that only the child has, and those that only the parent has: how values pass where the other has no layer."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from tuner.config import ConvLayer
from tuner.mutation.graft import Graft
from tuner.mutation.link import Link
from tuner.mutation.network import Layer, Network, weight_and_bias

HIGHEST = 0.5
"""Of the size of a value of a centred image."""


def added(graft: Graft, link: Link, new: Layer, following: Tensor) -> Link:
    """Behind a layer that the parent does not have, and that lets pass as much as it can.

    The identity, if the layer has a unit for each value and none is below zero; else both signs of each, which the next
    layer puts together again; else a dense layer computes what the parent's next layer would, as far as its units
    reach, and a convolution lets the most important channels pass.

    Args:
        graft: The child so far.
        link: In front of the layer.
        new: The layer.
        following: `[O, P, Y, X]`, the weights of the parent's next layer.
    """
    units, width = len(graft.net[new.weight]), link.width
    if link.positive and units >= width:
        one = link.told_apart(torch.eye(width), graft.generator) if link.flat else torch.eye(width)
        return _pass(graft, _unfolded(link), new, one, torch.eye(width))
    if units >= 2 * width:
        return _pass(graft, _unfolded(link), new, *_both_signs(torch.eye(width)))
    if not isinstance(new.settings, ConvLayer):
        return _factorise(graft, link, new, link.values(link.unfolded(following.flatten(1))).flatten(1))
    read = link.values(following)
    kept = read.square().sum((0, 2, 3)).argsort(descending=True, stable=True)[:units].sort().values
    passed = torch.eye(width)[kept]
    lift = 0.0 if link.positive else HIGHEST
    return replace(_pass(graft, link, new, passed, passed.T, lift), exact=False)


def deleted(parent: Network, link: Link, old: Layer, generator: torch.Generator) -> Link:
    """Behind a layer that the child does not have: what it did, but for its ReLU and its kernel's extent."""
    weight, bias = weight_and_bias(parent, old)
    weight = link.unfolded(weight)
    reads = link.values(weight, generator)
    settings = old.settings
    maps = (link.maps[0].after(settings), link.maps[1]) if isinstance(settings, ConvLayer) else link.maps
    return Link(
        reads.flatten(1) if link.flat else reads.sum((2, 3)),
        maps,
        exact=False,
        offsets=bias + link.offset(weight),
        positive=link.positive,
    )


def _pass(graft: Graft, link: Link, new: Layer, passed: Tensor, back: Tensor, lift: float = 0.0) -> Link:
    """The first units compute `passed` times the values, and `back` times theirs is the values; nobody reads others.

    With `lift`, it is added to each value before the ReLU, and taken off again behind it.
    """
    weight, spare = graft.net[new.weight], len(graft.net[new.weight]) - len(passed)
    middle = (weight.shape[-1] - 1) // 2
    if weight.dim() == 4:
        weight[: len(passed)] = 0.0
        weight[: len(passed), :, middle, middle] = passed
    else:
        weight[: len(passed)] = passed
    graft.set_bias(new, torch.full((len(weight),), lift))
    settings, maps, exact = new.settings, link.maps, link.exact
    if isinstance(settings, ConvLayer):
        maps = (maps[0], maps[1].after(settings))
        exact = exact and maps[1] == link.maps[1]
    is_identity = link.copies is not None and len(passed) == passed.shape[1] and lift == 0
    copies = functional.pad(link.copies, (0, 0, 0, spare)) if is_identity and link.copies is not None else None
    offsets = link.offsets
    if lift > 0:
        offsets = -lift * link.reads.sum(1) + (0.0 if offsets is None else offsets)
    origins = None
    if link.origins is not None:  # then each unit passes one value
        origins = functional.pad(link.origins[passed.argmax(1)], (0, spare), value=len(link.reads))
    return Link(link.reads @ functional.pad(back, (0, spare)), maps, exact, copies, offsets, origins, done=link.done)


def _factorise(graft: Graft, link: Link, new: Layer, read: Tensor) -> Link:
    """The layer computes what the parent's next layer, `[O, width]`, reads: in both signs, its main directions."""
    units = len(graft.net[new.weight])
    directions, back = read, torch.eye(len(read))
    whole = units >= 2 * len(read)
    if not whole:
        # A diverged parent's child is diverged too, which is no error.
        left, sizes, right = torch.linalg.svd(read.nan_to_num(0.0, 0.0, 0.0), full_matrices=False)
        most = max(1, units // 2)
        directions, back = right[:most], (left * sizes)[:, :most]
    passed, signs = _both_signs(directions)
    passed, signs = link.told_apart(passed[:units], graft.generator), signs[:, :units]
    found = _pass(graft, Link(back, link.maps, link.exact, offsets=link.each_offset), new, passed, signs)
    graft.inherited += passed.numel()
    return replace(found, exact=link.exact and whole, done=True)


def _both_signs(directions: Tensor) -> tuple[Tensor, Tensor]:
    """Weights that compute each direction and its opposite, and those that put the two together behind a ReLU."""
    one = torch.eye(len(directions))
    return torch.cat([directions, -directions]), torch.cat([one, -one], dim=1)


def _unfolded(link: Link) -> Link:
    """The same place, every value a channel."""
    if not link.flat:
        return link
    each = torch.eye(link.reads.shape[0] * link.maps[0].size ** 2)
    return Link(link.values(link.unfolded(each)).flatten(1), link.maps, link.exact, offsets=link.each_offset)
