"""Several networks of one architecture as one: a convolution for all of them is a grouped convolution.

Axes: `K` networks, `G` runs of K / G networks that see the same images, `B` images, `C H W` channels, rows and columns.
Between convolutions, a tensor is `[B, K * C, H, W]`; between dense layers `[K, B, units]`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from tuner.config import ModelConfig
from tuner.engine.nets import Weights, by_layer
from tuner.model import ConvNet, dropout, padded, padding

MOMENTUM, EPSILON = 0.1, 1e-5
"""Of `nn.BatchNorm2d`."""


class Stacked:
    """K networks, each the `ConvNet` of its weights.

    Args:
        model: Their layers.
        num_neurons: N.
        weights: Each network's `state_dict`.
        device: Where they live.
    """

    def __init__(self, model: ModelConfig, num_neurons: int, weights: Sequence[Weights], device: torch.device) -> None:
        self._model, self._size = model, len(weights)
        trained = dict(ConvNet(model, num_neurons).named_parameters())
        together = {name: torch.stack([net[name] for net in weights]).to(device) for name in weights[0]}
        self.leaves = {name: tensor.requires_grad_() for name, tensor in together.items() if name in trained}
        self._all = together

    def answers(self, images_GBCHW: Tensor, *, training: bool, noise: Tensor | None, used: Tensor | None) -> Tensor:
        """Responses `[K, B, N]`, see `Nets`."""
        model = self._model
        noises = iter(
            by_layer(model, noise)
            if noise is not None
            else [None] * (len(model.conv_layers) + len(model.dense_layers) + 1)
        )
        x, groups = images_GBCHW.transpose(0, 1).flatten(1, 2), len(images_GBCHW)
        x = x.contiguous(memory_format=torch.channels_last)
        for index, layer in enumerate(model.conv_layers):
            x, groups = self._dropped(x, groups, layer.dropout_rate, next(noises))
            x = functional.conv2d(
                padded(x, layer),
                self._all[f"convs.{index}.weight"].flatten(0, 1),
                None if layer.batch_norm else self._all[f"convs.{index}.bias"].flatten(),
                padding=padding(layer),
                groups=groups,
            )
            groups = self._size
            if layer.batch_norm:
                x = self._normalised(x, f"norms.{index}", training, used)
            if layer.pool_size > 1:
                x = functional.max_pool2d(x, layer.pool_size)
            x = functional.relu(x)
        x = x.unflatten(1, (groups, -1)).transpose(0, 1).flatten(2)
        x = x.repeat_interleave(self._size // groups, dim=0)
        for index, dense in enumerate(model.dense_layers):
            x = functional.relu(self._linear(dropout(x, dense.dropout_rate, next(noises)), f"denses.{index}"))
        return functional.relu(self._linear(dropout(x, model.logits_layer.dropout_rate, next(noises)), "logits"))

    def penalty(self) -> Tensor:
        """See `Nets`."""
        rates = {f"convs.{index}": layer.l2_regularization for index, layer in enumerate(self._model.conv_layers)}
        rates |= {f"denses.{index}": layer.l2_regularization for index, layer in enumerate(self._model.dense_layers)}
        rates["logits"] = self._model.logits_layer.l2_regularization
        terms = [rate * self._all[f"{name}.weight"].square().sum() / 2 for name, rate in rates.items() if rate > 0]
        return torch.stack(terms).sum() if terms else self._all["logits.weight"].new_zeros(())

    def weights(self, index: int) -> dict[str, Tensor]:
        """See `Nets`."""
        return {name: tensor[index] for name, tensor in self._all.items()}

    def buffers(self) -> list[Tensor]:
        """See `Nets`."""
        return [tensor for name, tensor in self._all.items() if name not in self.leaves]

    def part(self, tensor: Tensor, index: int) -> Tensor:
        """See `Nets`."""
        return tensor[index]

    def _dropped(self, x: Tensor, groups: int, rate: float, noise_KBCHW: Tensor | None) -> tuple[Tensor, int]:
        """`x` after dropout, and the number of its groups: networks that drop other values see other images."""
        if rate == 0 or noise_KBCHW is None:
            return x, groups
        x = x.unflatten(1, (groups, -1)).repeat_interleave(self._size // groups, dim=1).flatten(1, 2)
        return dropout(x, rate, noise_KBCHW.transpose(0, 1).flatten(1, 2)), self._size

    def _linear(self, x_KBU: Tensor, name: str) -> Tensor:
        weight_KVU, bias_KV = self._all[f"{name}.weight"], self._all[f"{name}.bias"]
        found: Tensor = torch.baddbmm(bias_KV[:, None], x_KBU, weight_KVU.transpose(1, 2))
        return found

    def _normalised(self, x: Tensor, name: str, training: bool, used_KB: Tensor | None) -> Tensor:
        """Batch normalisation over the images that each network uses."""
        scale, shift = self._all[f"{name}.weight"].flatten(), self._all[f"{name}.bias"].flatten()
        mean, var = self._all[f"{name}.running_mean"].flatten(), self._all[f"{name}.running_var"].flatten()
        if training:
            self._all[f"{name}.num_batches_tracked"] += 1
        if not training or used_KB is None:
            return functional.batch_norm(x, mean, var, scale, shift, training, MOMENTUM, EPSILON)
        x_BKCHW = x.unflatten(1, (self._size, -1)).float()
        weight_BK = used_KB.t()[:, :, None, None, None].to(x_BKCHW.dtype)
        count_K1 = used_KB.sum(1, keepdim=True) * x.shape[-1] * x.shape[-2]
        mean_KC = (x_BKCHW * weight_BK).sum((0, 3, 4)) / count_K1
        centred = x_BKCHW - mean_KC[:, :, None, None]
        var_KC = (centred.square() * weight_BK).sum((0, 3, 4)) / count_K1
        with torch.no_grad():
            mean.lerp_(mean_KC.flatten(), MOMENTUM)
            var.lerp_((var_KC * count_K1 / (count_K1 - 1)).flatten(), MOMENTUM)
        found: Tensor = (centred * (var_KC + EPSILON).rsqrt()[:, :, None, None]).flatten(1, 2)
        return (found * scale[:, None, None] + shift[:, None, None]).to(x.dtype)
