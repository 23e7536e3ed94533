"""New batch normalisations do not disturb training."""

import torch
from torch import Tensor

from tuner.config import ConvLayer, ModelConfig
from tuner.engine.settle import settled
from tuner.model import ConvNet
from tuner.mutation.network import Network

MODEL = ModelConfig(
    image_size=10,
    conv_layers=(
        ConvLayer(num_filters=4, kernel_size=3, pool_size=1, batch_norm=True),
        ConvLayer(num_filters=5, kernel_size=3),
        ConvLayer(num_filters=6, kernel_size=3, batch_norm=True),
    ),
)
IMAGES = torch.rand(32, 3, 10, 10, generator=torch.Generator().manual_seed(1)) - 0.5


def network_of() -> Network:
    """Every value is drawn, those of the batch normalisations too."""
    net = ConvNet(MODEL, 3, torch.Generator().manual_seed(0)).state_dict()
    for name, value in net.items():
        if value.dim() == 1:
            value.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(len(name)))
    return Network(MODEL, net, {})


def answers(network: Network, *, training: bool) -> Tensor:
    net = ConvNet(MODEL, 3)
    net.load_state_dict(dict(network.net))
    with torch.no_grad():
        return net.train(training).respond(IMAGES)


def test_settling_changes_training_to_what_evaluation_is_and_evaluation_not_at_all() -> None:
    before = network_of()
    kept = {name: value.clone() for name, value in before.net.items()}
    after = settled(before, IMAGES)
    wanted = answers(before, training=False)
    assert (wanted > 0).float().mean() > 0.5
    assert (answers(before, training=True) - wanted).abs().max() > 0.1
    # Rounding: other orders of sums.
    torch.testing.assert_close(answers(after, training=False), wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(answers(after, training=True), wanted, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before.net[name], value) for name, value in kept.items())


def test_what_has_seen_batches_is_left_as_it_is() -> None:
    before = network_of()
    before.net["norms.0.num_batches_tracked"].fill_(7)
    after = settled(before, IMAGES)
    changed = {name for name in before.net if not torch.equal(before.net[name], after.net[name])}
    assert changed == {f"norms.2.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
    before.net["norms.2.num_batches_tracked"].fill_(7)
    assert settled(before, IMAGES) is before


def test_a_channel_without_variance_stays_as_it_was() -> None:
    before = network_of()
    before.net["convs.0.weight"][1] = 0.0
    after = settled(before, IMAGES)
    assert all(value.isfinite().all() for value in after.net.values())
    torch.testing.assert_close(answers(after, training=False), answers(before, training=False), rtol=1e-4, atol=1e-4)
