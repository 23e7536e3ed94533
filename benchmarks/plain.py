"""The same network and training as one writes them after the tutorials of PyTorch: knows nothing of the engine.

Channels first, fp32, ReLU then pooling, torchvision's transforms one image at a time, and a DataLoader.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from tuner.config import Distortions, ModelConfig
from tuner.cost import flat_width

Transform = Callable[[Tensor], Tensor]
CENTRE = v2.Normalize([0.5] * 3, [1.0] * 3)


def plain_net(model: ModelConfig, mean_N: Tensor) -> nn.Sequential:
    """The network, with responses that start at `mean_N`."""
    layers: list[nn.Module] = []
    channels = 3
    for conv in model.conv_layers:
        assert not conv.batch_norm, "no network that is measured has one"
        layers += _dropout(conv.dropout_rate)
        layers += [nn.Conv2d(channels, conv.num_filters, conv.kernel_size, padding=conv.padding), nn.ReLU()]
        layers += [nn.MaxPool2d(conv.pool_size)] if conv.pool_size > 1 else []
        channels = conv.num_filters
    layers.append(nn.Flatten())
    units = flat_width(model)
    for dense in model.dense_layers:
        layers += [*_dropout(dense.dropout_rate), nn.Linear(units, dense.num_units), nn.ReLU()]
        units = dense.num_units
    logits = nn.Linear(units, len(mean_N))
    with torch.no_grad():
        logits.bias.copy_(mean_N)
    return nn.Sequential(*layers, *_dropout(model.logits_layer.dropout_rate), logits, nn.ReLU())


def images_of(images_BHWC: npt.NDArray[np.uint8] | npt.NDArray[np.float32], size: int) -> Tensor:
    """The images' centres `[B, 3, size, size]` in 0..1, cropped once and for all."""
    scale = 255 if images_BHWC.dtype == np.uint8 else 1
    images = v2.functional.center_crop(torch.from_numpy(images_BHWC).permute(0, 3, 1, 2), [size, size])
    found: Tensor = images.contiguous().float() / scale
    return found


def transform_of(distortions: Distortions) -> Transform | None:
    """What happens to a training image at every step; None where nothing is random."""
    steps: list[nn.Module] = []
    if distortions.flip_left_right is not None:
        steps.append(v2.RandomHorizontalFlip())
    if distortions.saturation is not None:
        steps.append(v2.ColorJitter(saturation=(distortions.saturation.min_value, distortions.saturation.max_value)))
    known = {"flip_left_right", "saturation"}
    assert all(value is None for name, value in distortions if name not in known), "no network measured has others"
    return v2.Compose([*steps, CENTRE]) if steps else None


class Responses(Dataset[tuple[Tensor, Tensor]]):
    """Images `[B, 3, S, S]` in 0..1 with the responses `[B, N]` to them."""

    def __init__(self, images: Tensor, responses: Tensor, transform: Transform | None) -> None:
        self.images = CENTRE(images) if transform is None else images
        self.responses, self.transform = responses, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index]
        return image if self.transform is None else self.transform(image), self.responses[index]


def loader_of(data: Responses, batch_size: int | None = None) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches of that many images, None is all of them, in a new order each epoch."""
    return DataLoader(data, batch_size=min(batch_size or len(data), len(data)), shuffle=True, drop_last=True)


def whole_batch(data: Responses) -> tuple[Tensor, Tensor]:
    """The same batch without a loader."""
    if data.transform is None:
        return data.images, data.responses
    return torch.stack([data.transform(image) for image in data.images]), data.responses


def masked_mse(prediction_BN: Tensor, response_BN: Tensor) -> Tensor:
    """Mean squared error over the responses that are not NaN."""
    known = ~torch.isnan(response_BN)
    return nn.functional.mse_loss(prediction_BN[known], response_BN[known])


def train_step(net: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, responses: Tensor) -> float:
    """The loss before the step that is now taken."""
    net.train()
    optimizer.zero_grad()
    loss = masked_mse(net(images), responses)
    loss.backward()
    optimizer.step()
    return loss.item()


def _dropout(rate: float) -> list[nn.Module]:
    return [nn.Dropout(rate)] if rate > 0 else []
