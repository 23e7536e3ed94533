"""The plain side of the benchmarks trains the same mathematics as the engine."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.networks import NETWORKS, step_flops
from benchmarks.plain import CENTRE, Responses, images_of, masked_mse, plain_net, train_step, transform_of, whole_batch
from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.distortions import crop_centre
from tuner.dataset.load import Dataset
from tuner.model import ConvNet

NEURONS = 4


@pytest.fixture(params=["16+16 filters", "32+64 filters"])
def measured(request: pytest.FixtureRequest) -> Config:
    """Networks without distortions."""
    return NETWORKS[request.param]


def weighted(net: nn.Module) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def test_the_plain_network_is_the_engines_on_centred_images(measured: Config) -> None:
    ours = ConvNet(measured.model, NEURONS, torch.Generator().manual_seed(0)).eval()
    plain = plain_net(measured.model, torch.zeros(NEURONS)).eval()
    for mine, theirs in zip(weighted(ours), weighted(plain), strict=True):
        theirs.load_state_dict(mine.state_dict())
    size = measured.model.image_size
    images = torch.rand((3, 3, size, size), generator=torch.Generator().manual_seed(1))
    # The engine pools before it rectifies, and both orders give the same values.
    torch.testing.assert_close(plain(CENTRE(images)), ours(images))


def test_the_plain_network_costs_what_a_config_costs(measured: Config) -> None:
    net = plain_net(measured.model, torch.ones(NEURONS))
    assert sum(parameter.numel() for parameter in net.parameters()) == cost_of(measured.model, NEURONS).parameters
    images = torch.zeros(2, 3, measured.model.image_size, measured.model.image_size)
    with FlopCounterMode(display=False) as counter:
        net(images).sum().backward()
    assert counter.get_total_flops() == step_flops(measured.model, NEURONS, images=2)


def test_the_plain_images_are_the_engines_centres(dataset: Dataset) -> None:
    whole = torch.from_numpy(dataset.images).movedim(-1, 1).float() / 255
    assert torch.equal(images_of(dataset.images, 16), crop_centre(whole, 16))


@pytest.mark.parametrize("name", ["16 filters, flip", "16+16 filters, saturation"])
def test_images_are_distorted_one_at_a_time_and_then_centred(name: str) -> None:
    config = NETWORKS[name]
    images = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0)).expand(20, -1, -1, -1)
    batch, _ = whole_batch(Responses(images, torch.zeros(20, 1), transform_of(config.data.distortions)))
    assert batch.shape == images.shape
    assert len({tuple(image.flatten().tolist()) for image in batch}) > 1
    assert batch.min() < 0


def test_a_missing_response_counts_for_nothing() -> None:
    prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    loss = masked_mse(prediction, torch.tensor([[0.0, torch.nan], [1.0, 4.0]]))
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4 + 0) / 3)
    assert prediction.grad is not None
    assert prediction.grad[0, 1] == 0


def test_a_step_lowers_the_loss(measured: Config) -> None:
    torch.manual_seed(0)
    net = plain_net(measured.model, torch.ones(NEURONS))
    size = measured.model.image_size
    data = Responses(torch.rand(4, 3, size, size), 1 + torch.rand(4, NEURONS), None)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = [train_step(net, optimizer, *whole_batch(data)) for _ in range(8)]
    assert losses[-1] < losses[0]
