import pytest
import torch
from torch import nn

from tuner.config import ConvLayer, DenseLayer, LogitsLayer, ModelConfig
from tuner.model import ConvNet, dropout, input_shapes

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


def noise_of(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-(2**15), 2**15, shape, dtype=torch.int16, generator=generator)


def plainly(config: ModelConfig, net: ConvNet) -> nn.Sequential:
    """The same network as one writes it in PyTorch: ReLU first, then pooling."""
    modules: list[nn.Module] = []
    for layer, mine, norm in zip(config.conv_layers, net.convs, net.norms, strict=True):
        conv = nn.Conv2d(
            mine.in_channels, layer.num_filters, layer.kernel_size, padding=layer.padding, bias=not layer.batch_norm
        )
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
    answers = net.train()(images, [noise_of((4000, 12), 2)])[:, 0]
    # 12 inputs of 0.5, each kept with 3/4 and scaled by 4/3: mean 6, variance 12 * 0.25 * (1/4) / (3/4) = 1.
    assert answers.mean().item() == pytest.approx(6, abs=5 / 4000**0.5)
    assert answers.var().item() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 65536), (1e-6, 65536), (0.25, 49152), (0.4, 39322), (0.9999999, 1)])
def test_dropout_keeps_its_share_of_all_random_numbers_and_the_mean(rate: float, kept: int) -> None:
    noise = torch.arange(-(2**15), 2**15).to(torch.int16)
    answer = dropout(torch.ones(2**16), rate, noise)
    assert int((answer > 0).sum()) == kept  # each of the 2**16 numbers once: exact
    assert answer.mean().item() == pytest.approx(1, rel=1e-6)


def test_dropout_leaves_memory_format_and_dtype() -> None:
    x = torch.ones(2, 3, 4, 4, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    answer = dropout(x, 0.4, noise_of((2, 3, 4, 4), 0))
    assert answer.dtype == torch.bfloat16
    assert answer.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", LAYERS)
def test_input_shapes_are_those_that_reach_the_layers(name: str) -> None:
    net, seen = net_of(LAYERS[name]), []
    for _, module in net.weighted_layers():
        module.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    with torch.no_grad():
        net(torch.rand(1, 3, net.config.image_size, net.config.image_size))
    padded_even = [
        (shape[0], *(side + 1 for side in shape[1:])) if len(shape) == 3 and name == "same" else shape
        for shape in input_shapes(LAYERS[name])
    ]
    assert seen == padded_even


def test_the_blocked_layout_gives_the_same_values_and_gradients() -> None:
    config = ModelConfig(
        image_size=20,
        conv_layers=(
            ConvLayer(num_filters=16, kernel_size=4, dropout_rate=0.2),
            ConvLayer(num_filters=32, kernel_size=3),
        ),
        dense_layers=(DenseLayer(num_units=6, dropout_rate=0.3),),
    )
    plain, blocked = net_of(config).train(), net_of(config).train()
    blocked.blocked = True
    images = torch.rand((7, 3, 20, 20), generator=torch.Generator().manual_seed(1))
    noise = [noise_of((7, *shape), index) for index, shape in enumerate(input_shapes(config))]
    answers = [net(images, noise) for net in (plain, blocked)]
    # The order of sums differs; sums are of up to 800 values around 0.1.
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-5, atol=1e-6)
    for answer in answers:
        answer.square().sum().backward()
    for one, other in zip(plain.parameters(), blocked.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(plain.eval()(images), blocked.eval()(images), rtol=1e-5, atol=1e-6)


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
