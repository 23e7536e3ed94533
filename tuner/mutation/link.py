"""How the values between two layers of a parent network are to be read from those of its child.

Axes: `P` the parent's channels, `C` the child's, `O` a layer's outputs, `Y X` rows and columns: of a kernel, of the
maps that a dense layer reads, or one of each.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from tuner.config import ModelConfig
from tuner.mutation.raster import Raster

NOISE = 0.5
"""Of the outgoing weights of copies, relative to their size."""


@dataclass(frozen=True, eq=False)
class Link:
    """A place between two layers.

    Attributes:
        reads: `[P, C]`: the parent's channels are this times the child's.
        maps: The parent's raster and the child's.
        exact: Whether nothing is lost.
        copies: `[C, P]`: the child's channels are this times the parent's; None where that is not known, so that
            what an optimiser has learned of the next layer is of no use.
        offsets: `[P]`, added to what is read; None if there are none.
        origins: `[C]`, the parent's channel that each of the child's is a copy of, P if of none; None where none is
            copied twice.
        positive: Whether none of the child's values is below zero.
        flat: Whether the next layer reads every value of the maps.
        done: Whether `reads` is of what the parent's next layer makes of its channels.
    """

    reads: Tensor
    maps: tuple[Raster, Raster]
    exact: bool
    copies: Tensor | None = None
    offsets: Tensor | None = None
    origins: Tensor | None = None
    positive: bool = True
    flat: bool = False
    done: bool = False

    @staticmethod
    def between(parent: ModelConfig, child: ModelConfig) -> "Link":
        """At the image."""
        maps = (Raster.of(parent), Raster.of(child))
        return Link(torch.eye(3), maps, maps[0] == maps[1], torch.eye(3), positive=False)

    @property
    def width(self) -> int:
        """Number of channels, or of values, that the child's next layer reads."""
        return self.reads.shape[1] * (self.maps[1].size ** 2 if self.flat else 1)

    def flattened(self) -> "Link":
        """The same place, read by a dense layer."""
        return replace(self, flat=True, exact=self.exact and self.maps[0] == self.maps[1])

    def unfolded(self, weight: Tensor) -> Tensor:
        """A layer's weights as `[O, P, Y, X]`."""
        size = self.maps[0].size if self.flat else 1
        return weight if weight.dim() == 4 else weight.view(len(weight), -1, size, size)

    def values(self, weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The child's weights `[O, C, Y, X]` that do with its values what the parent's `[O, P, Y, X]` do with its own.

        Args:
            weight: Ignored if that is done.
            generator: Draws the noise of copies; None is without.
        """
        if self.done:
            return self.reads[:, :, None, None]
        found = torch.einsum("opyx,pc->ocyx", weight, self.reads)
        if self.origins is not None and generator is not None:
            found = found + _noise(weight, self.origins, generator)
        return self._in_places(found, self.maps[0].read_from(self.maps[1])) if self.flat else found

    def moments(self, moment: Tensor, power: int) -> Tensor:
        """The same for the mean of gradients (power 1) or of their squares (power 2), if `copies` is known."""
        assert self.copies is not None, "the caller asks first"
        found = torch.einsum("opyx,cp->ocyx", moment, self.copies**power)
        if not self.flat:
            return found
        used = (self.maps[0].read_from(self.maps[1]) > 0).float()
        return self._in_places(found, used / used.sum(0, keepdim=True).clamp(min=1.0))

    def offset(self, weight: Tensor) -> Tensor | float:
        """`[O]`, what the offsets add to the output of the parent's weights."""
        return 0.0 if self.offsets is None else torch.einsum("opyx,p->o", weight, self.offsets)

    @property
    def each_offset(self) -> Tensor | None:
        """The offsets of all values of the parent that the next layer reads."""
        if self.offsets is None or not self.flat:
            return self.offsets
        return self.offsets.repeat_interleave(self.maps[0].size ** 2)

    def told_apart(self, weight: Tensor, generator: torch.Generator) -> Tensor:
        """Weights `[O, width]` of the child's values, those of copies no longer proportional; the sums are the same."""
        if self.origins is None:
            return weight
        size = self.maps[1].size if self.flat else 1
        mine = weight.view(len(weight), -1, size, size)
        sums = mine.new_zeros(len(mine), self.reads.shape[0] + 1, size, size).index_add(1, self.origins, mine)
        return weight + _noise(sums[:, :-1], self.origins, generator).flatten(1)

    def _in_places(self, found: Tensor, reads: Tensor) -> Tensor:
        same = self.maps[0] == self.maps[1]
        return found if same else torch.einsum("ocyx,yh,xw->ochw", found, reads, reads)


def _noise(weight: Tensor, origins: Tensor, generator: torch.Generator) -> Tensor:
    """What makes the weights of copies unlike each other, without changing their sum for any of the original's weights.

    Copies whose outgoing weights are proportional would stay copies: Adam's steps do not depend on a gradient's size.
    """
    weight = functional.pad(weight, (0, 0, 0, 0, 0, 1))  # of no channel
    drawn = torch.rand(len(weight), len(origins), *weight.shape[2:], generator=generator) - 0.5
    shared = functional.one_hot(origins, weight.shape[1]).float()
    means = torch.einsum("ocyx,cp->opyx", drawn, shared / shared.sum(0).clamp(min=1.0))
    return 2 * NOISE * (drawn - means[:, origins]) * weight[:, origins]
