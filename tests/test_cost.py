import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tuner.config import ConvLayer, DenseLayer, ModelConfig
from tuner.cost import Cost, cost_of, flat_width
from tuner.model import ConvNet

MODELS = {
    "nothing but outputs": ModelConfig(image_size=5),
    "dense": ModelConfig(image_size=4, dense_layers=(DenseLayer(num_units=7), DenseLayer(num_units=3))),
    "same": ModelConfig(image_size=9, conv_layers=(ConvLayer(num_filters=4, kernel_size=3),)),
    "valid, no pooling": ModelConfig(
        image_size=9, conv_layers=(ConvLayer(num_filters=4, kernel_size=5, padding="valid", pool_size=1),)
    ),
    "all": ModelConfig(
        image_size=23,
        conv_layers=(
            ConvLayer(num_filters=6, kernel_size=5, batch_norm=True),
            ConvLayer(num_filters=5, kernel_size=3, padding="valid", pool_size=3, dropout_rate=0.1),
            ConvLayer(num_filters=2, kernel_size=1, pool_size=1, batch_norm=True, l2_regularization=0.1),
        ),
        dense_layers=(DenseLayer(num_units=11, dropout_rate=0.5),),
    ),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> ModelConfig:
    """Each of the models."""
    return MODELS[request.param]


@pytest.fixture
def net(model: ModelConfig) -> ConvNet:
    """The model with three outputs."""
    return ConvNet(model, 3, torch.Generator().manual_seed(0)).eval()


def test_parameters_are_those_of_the_network(model: ModelConfig, net: ConvNet) -> None:
    assert cost_of(model, 3).parameters == sum(parameter.numel() for parameter in net.parameters())


def test_multiply_adds_are_half_of_what_torch_counts_as_operations(model: ModelConfig, net: ConvNet) -> None:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net(torch.zeros(1, 3, model.image_size, model.image_size))
    assert 2 * cost_of(model, 3).macs == counter.get_total_flops()


def test_the_first_layer_behind_the_convolutions_is_as_wide_as_the_networks(model: ModelConfig, net: ConvNet) -> None:
    assert flat_width(model) == (net.denses[0] if len(net.denses) else net.logits).in_features


def test_a_small_network_counted_by_hand() -> None:
    model = ModelConfig(
        image_size=4,
        conv_layers=(ConvLayer(num_filters=2, kernel_size=3, padding="valid", pool_size=2),),
        dense_layers=(DenseLayer(num_units=5),),
    )
    assert cost_of(model, 3) == Cost(
        parameters=(3 * 2 * 9 + 2) + (2 * 5 + 5) + (5 * 3 + 3),
        macs=3 * 2 * 9 * 4 + 2 * 5 + 5 * 3,
        activations=3 * 16 + 2 * (4 + 1) + 2 * 5 + 2 * 3,
    )


def test_the_costs_of_the_networks_that_were_measured() -> None:
    model = ModelConfig(
        image_size=48,
        conv_layers=(ConvLayer(num_filters=32, kernel_size=5), ConvLayer(num_filters=64, kernel_size=3)),
        dense_layers=(DenseLayer(num_units=512),),
    )
    assert cost_of(model, 18).parameters == 2_432 + 18_496 + 4_719_104 + 9_234


def test_a_step_costs_one_pass_forward_and_two_back() -> None:
    assert Cost(parameters=10, macs=7, activations=5).step_macs(4) == 3 * 7 * 4


def test_a_step_holds_the_parameter_its_gradient_and_two_moments() -> None:
    assert Cost(parameters=10, macs=7, activations=5).step_bytes(4) == 4 * (4 * 10 + 5 * 4)
