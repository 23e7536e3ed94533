"""Which unit of the parent's layer each of the child's is."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tuner.mutation.link import Link
from tuner.mutation.raster import Raster


@dataclass(frozen=True, eq=False)
class Units:
    """Units, or filters, of a child's layer.

    Attributes:
        origins: `[U]`, the parent's unit that each goes on from.
        shares: `[U]`, its part of what the original gives to the next layer.
        count: How many units the parent has.
    """

    origins: Tensor
    shares: Tensor
    count: int

    def link(self, maps: tuple[Raster, Raster], *, exact: bool) -> Link:
        """The place behind the layer."""
        copies = functional.one_hot(self.origins, self.count).float()
        several = len(self.origins.unique()) < len(self.origins)
        return Link(
            reads=(copies * self.shares[:, None]).T,
            maps=maps,
            exact=exact and len(self.origins) >= self.count,
            copies=copies,
            origins=self.origins if several else None,
        )


def units_of(weight: Tensor, following: Tensor | None, count: int, generator: torch.Generator) -> Units:
    """The units of a layer that has `count` of them where its parent has as many as `weight` `[U, ...]` has rows.

    Where there are more, any are copied; where there are fewer, those with the largest weights are kept.

    Args:
        weight: The parent's.
        following: `[O, U, ...]`, weights that read the parent's units; None if they are not known.
        count: Of the child's units.
        generator: Draws who is copied.
    """
    parents = len(weight)
    if count < parents:
        size = weight.flatten(1).norm(dim=1)
        if following is not None:
            size = size * following.transpose(0, 1).flatten(1).norm(dim=1)
        origins = size.argsort(descending=True, stable=True)[:count].sort().values
        return Units(origins, torch.ones(count), parents)
    copied = torch.randint(parents, (count - parents,), generator=generator)
    origins = torch.cat([torch.arange(parents), copied])
    return Units(origins, 1.0 / torch.bincount(origins)[origins], parents)
