import pytest
import torch
from torch import nn

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.model import ConvNet

LAYERS: dict[str, ModelConfig] = {
    "linear": ModelConfig(image_size=9),
    "dense": ModelConfig(image_size=9, dense_layers=(DenseLayer(num_units=5), DenseLayer(num_units=4))),
    "same": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=3, kernel_size=4),)),
    "valid": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=3, kernel_size=4, padding="valid"),)),
    "no pooling": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=3, kernel_size=3, pool_size=1),)),
    "wide pooling": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=3, kernel_size=3, pool_size=4),)),
    "norm": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=3, kernel_size=3, batch_norm=True),)),
    "deep": ModelConfig(
        image_size=20,
        conv_layers=(ConvLayer(num_filters=3, kernel_size=5), ConvLayer(num_filters=4, kernel_size=3, batch_norm=True)),
        dense_layers=(DenseLayer(num_units=6),),
    ),
}


def net_of(config: ModelConfig, seed: int = 0) -> ConvNet:
    return ConvNet(config, 2, torch.Generator().manual_seed(seed))


def plainly(config: ModelConfig, net: ConvNet) -> nn.Sequential:
    """The same network as one writes it in PyTorch: ReLU first, then pooling."""
    modules: list[nn.Module] = []
    for layer, mine, norm in zip(config.conv_layers, net.convs, net.norms, strict=True):
        conv = nn.Conv2d(mine.in_channels, layer.num_filters, layer.kernel_size, padding=layer.padding)
        conv.load_state_dict(mine.state_dict())
        modules += [conv, norm, nn.ReLU(), nn.MaxPool2d(layer.pool_size)]
    modules.append(nn.Flatten())
    for linear in net.denses:
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules, net.logits, nn.ReLU())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_the_plain_one_on_centred_images(name: str, training: bool) -> None:
    config = LAYERS[name]
    net = net_of(config).train(training)
    images = torch.rand((4, 3, config.image_size, config.image_size), generator=torch.Generator().manual_seed(1))
    plain = plainly(config, net).train(training)
    torch.testing.assert_close(net(images), plain(images - 0.5))


def test_responses_are_not_negative() -> None:
    net = net_of(LAYERS["deep"])
    with torch.no_grad():
        net.logits.bias.fill_(-10)
        assert torch.equal(net(torch.rand(3, 3, 20, 20)), torch.zeros(3, 2))


def test_dropout_acts_on_a_layers_input_and_only_while_training() -> None:
    config = ModelConfig(image_size=2, logits_layer=LogitsLayer(dropout_rate=0.25))
    net = net_of(config)
    with torch.no_grad():
        net.logits.weight.copy_(torch.ones(2, 12))
    images = torch.full((4000, 3, 2, 2), 1.0)
    assert torch.equal(net.eval()(images), torch.full((4000, 2), 6.0))
    answers = net.train()(images, torch.Generator().manual_seed(2))[:, 0]
    # 12 inputs of 0.5, each kept with 3/4 and scaled by 4/3: mean 6, variance 12 * 0.25 * (1/4) / (3/4) = 1.
    assert answers.mean().item() == pytest.approx(6, abs=5 / 4000**0.5)
    assert answers.var().item() == pytest.approx(1, rel=0.15)


def test_dropout_draws_from_the_given_generator_alone() -> None:
    net = net_of(ModelConfig(image_size=4, logits_layer=LogitsLayer(dropout_rate=0.5))).train()
    images = torch.rand(5, 3, 4, 4)
    one, again, other = (net(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_penalty_is_half_the_weighted_sum_of_squares_without_biases() -> None:
    config = ModelConfig(
        image_size=8,
        conv_layers=(ConvLayer(num_filters=3, kernel_size=3, l2_regularization=0.1),),
        dense_layers=(DenseLayer(num_units=4),),
        logits_layer=LogitsLayer(l2_regularization=0.01),
    )
    net = net_of(config)
    expected = 0.1 * net.convs[0].weight.square().sum() / 2 + 0.01 * net.logits.weight.square().sum() / 2
    torch.testing.assert_close(net.penalty(), expected)
    assert net_of(LAYERS["deep"]).penalty().item() == 0


def test_first_weights_are_glorot_uniform_with_zero_biases() -> None:
    config = ModelConfig(image_size=12, conv_layers=(ConvLayer(num_filters=40, kernel_size=5),))
    net = net_of(config)
    mine, theirs = net.convs[0].weight.detach(), torch.empty_like(net.convs[0].weight)
    nn.init.xavier_uniform_(theirs, generator=torch.Generator().manual_seed(5))
    assert mine.abs().max().item() == pytest.approx(theirs.detach().abs().max().item(), rel=0.01)
    assert mine.std().item() == pytest.approx(theirs.detach().std().item(), rel=0.05)
    assert not net.convs[0].bias.any()
