"""A child network in the making, layer by layer: what each takes from the parent's layer that it goes on from.

Axes: as in `link`; `U` the units, or filters, of the child's layer.
"""

import math

import torch
from torch import Tensor

from tuner.config import ConvLayer
from tuner.mutation.link import Link
from tuner.mutation.network import EPSILON, Layer, Network, weight_and_bias
from tuner.mutation.raster import Raster
from tuner.mutation.units import Units, units_of

MOMENTS = {"exp_avg": 1, "exp_avg_sq": 2}
"""Adam's, and the power of the gradient that they are means of."""


class Graft:
    """The child's values so far.

    Args:
        parent: What it inherits from.
        child: Newly initialised.
        generator: See `inherit`.
    """

    def __init__(self, parent: Network, child: Network, generator: torch.Generator) -> None:
        self._parent, self.generator = parent, generator
        self.net = {name: tensor.clone() for name, tensor in child.net.items()}
        self.moments: dict[str, dict[str, Tensor]] = {}
        self.inherited = 0

    def matched(self, link: Link, old: Layer, new: Layer, following: Tensor | None) -> Link:
        """Behind a layer that goes on from one of the parent's, whose outputs the weights `following` read."""
        normed = bool(old.norm) and bool(new.norm)
        weight, bias = (self._parent.net[old.weight], None) if normed else weight_and_bias(self._parent, old)
        weight, shape = link.unfolded(weight), self.net[new.weight].shape
        units = units_of(weight, following, shape[0], self.generator)
        values = _fitted(link.values(weight, self.generator), shape)
        self.set(new.weight, values[units.origins])
        known = _fitted(link.values(torch.ones_like(weight)), shape) != 0
        self.inherited += int(known[units.origins].sum())
        if bias is None:
            self._go_on_normed(old, new, units, link.offset(weight))
        else:
            self.set_bias(new, (bias + link.offset(weight))[units.origins])
            self.inherited += len(units.origins)
        if bool(old.norm) == bool(new.norm):
            self._take_moments(link, old, new, units, known)
        exact = link.exact and _computes_the_same(old, new)
        return units.link(_behind(link.maps, old, new), exact=exact)

    def set(self, name: str, values: Tensor) -> None:
        """The child's parameter has these values."""
        self.net[name].copy_(values.reshape(self.net[name].shape))

    def set_bias(self, new: Layer, bias: Tensor) -> None:
        """The layer adds this; a batch normalisation does nothing else while the network is evaluated."""
        if not new.norm:
            self.set(new.bias, bias)
            return
        self.net[f"{new.norm}.bias"].copy_(bias)
        self.net[f"{new.norm}.weight"].fill_(math.sqrt(1 + EPSILON))

    def _go_on_normed(self, old: Layer, new: Layer, units: Units, offset: Tensor | float) -> None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            values = self._parent.net[f"{old.norm}.{name}"]
            self.set(f"{new.norm}.{name}", (values - offset if name == "running_mean" else values)[units.origins])
        self.set(f"{new.norm}.num_batches_tracked", self._parent.net[f"{old.norm}.num_batches_tracked"])
        self.inherited += 2 * len(units.origins)

    def _take_moments(self, link: Link, old: Layer, new: Layer, units: Units, inherited: Tensor) -> None:
        """What Adam knows of the parent's layer; a copy's gradients are its share of the original's.

        Weights that are not `inherited` get the others' mean square: where a zero has stood for as many steps as the
        layer has behind it, Adam's next steps would be several times too long.
        """
        names = [(old.weight, new.weight)] if link.copies is not None else []
        names += [(f"{old.norm or old.name}.bias", f"{new.norm or new.name}.bias")]
        names += [(f"{old.norm}.weight", f"{new.norm}.weight")] if old.norm else []
        for its, mine in names:
            known = self._parent.moments.get(its)
            if not known:
                continue
            self.moments[mine] = {"step": known["step"].clone()}
            for kind, power in MOMENTS.items():
                moment = known[kind]
                if its == old.weight:
                    moment = _fitted(link.moments(link.unfolded(moment), power), self.net[mine].shape)
                    usual = moment[inherited].mean() if kind == "exp_avg_sq" and inherited.any() else 0.0
                    moment = torch.where(inherited, moment, usual)
                shares = (units.shares**power).view(-1, *[1] * (moment.dim() - 1))
                self.moments[mine][kind] = (moment[units.origins] * shares).contiguous()


def _fitted(values: Tensor, shape: torch.Size) -> Tensor:
    """`[O, ...]` of the shape of the child's weights but for their number; kernels share their centres."""
    if len(shape) == 2:
        return values.flatten(1)
    have, wanted = values.shape[-1], shape[-1]
    shift = (wanted - 1) // 2 - (have - 1) // 2
    low, high = max(0, shift), min(wanted, have + shift)
    found = values.new_zeros(*values.shape[:2], wanted, wanted)
    found[:, :, low:high, low:high] = values[:, :, low - shift : high - shift, low - shift : high - shift]
    return found


def _computes_the_same(old: Layer, new: Layer) -> bool:
    """Whether nothing is lost to the layer's other settings, if its width is not."""
    one, other = old.settings, new.settings
    if not isinstance(one, ConvLayer) or not isinstance(other, ConvLayer):
        return True
    valid = [layer.padding == "valid" and layer.kernel_size > 1 for layer in (one, other)]
    if valid[0] != valid[1] or one.pool_size != other.pool_size:
        return False
    if valid[0]:
        return one.kernel_size == other.kernel_size
    left, right = ((k - 1) // 2 for k in (one.kernel_size, other.kernel_size))
    return right >= left and other.kernel_size - right >= one.kernel_size - left


def _behind(maps: tuple[Raster, Raster], old: Layer, new: Layer) -> tuple[Raster, Raster]:
    if not isinstance(old.settings, ConvLayer) or not isinstance(new.settings, ConvLayer):
        return maps
    return maps[0].after(old.settings), maps[1].after(new.settings)
