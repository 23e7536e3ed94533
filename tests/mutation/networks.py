"""Parents, mutations of every function, and what a network answers: for the laws of inheritance."""

from typing import Any

import torch
from torch import Tensor

from tuner.config import Config
from tuner.model import ConvNet
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.inherit import Inheritance, inherit
from tuner.mutation.network import Network
from tuner.settings import build

NEURONS = 4
ROUNDING = 1e-5
"""Answers lie around 1; the largest difference of those that are the same but for the order of sums was 5e-7."""

CONV = {"num_filters": 4, "kernel_size": 5, "pool_size": 2}
CONV_2 = {"num_filters": 8, "kernel_size": 3, "pool_size": 1}


def config_of(**model: Any) -> Config:
    training = {"learning_rate": 0.001, "precision": "fp32"}
    return build(Config, {"data": {"eval_size": 6}, "model": {"image_size": 16, **model}, "training": training})


PARENTS = {
    "plain": config_of(conv_layers=[CONV, CONV_2], dense_layers=[{"num_units": 16}]),
    "normed": config_of(
        conv_layers=[{**CONV, "batch_norm": True}, {**CONV_2, "batch_norm": True}], dense_layers=[{"num_units": 16}]
    ),
}

# function, arguments, whether the child computes what its parent does
ROWS: list[tuple[str, dict[str, Any], bool]] = [
    ("add_conv_layer", {"num_filters": 8, "kernel_size": 3, "pool_size": 1}, True),
    ("add_conv_layer", {"num_filters": 12, "kernel_size": 4, "pool_size": 1}, True),
    ("add_conv_layer", {"num_filters": 12, "kernel_size": 3, "pool_size": 1, "batch_norm": True}, True),
    ("add_conv_layer", {"num_filters": 6, "kernel_size": 3, "pool_size": 1}, False),
    ("add_conv_layer", {"num_filters": 8, "kernel_size": 3}, False),
    ("add_conv_layer", {"layer_id": 0, "num_filters": 6, "kernel_size": 3, "pool_size": 1}, True),
    ("add_conv_layer", {"layer_id": 0, "num_filters": 7, "kernel_size": 2, "pool_size": 1, "batch_norm": True}, True),
    ("add_conv_layer", {"layer_id": 0, "num_filters": 4, "kernel_size": 3, "pool_size": 1}, False),
    ("add_conv_layer", {"layer_id": 0, "num_filters": 2, "kernel_size": 3, "pool_size": 1}, False),
    ("add_conv_layer", {"layer_id": 1, "num_filters": 5, "kernel_size": 1, "pool_size": 1, "padding": "valid"}, True),
    ("add_conv_layer", {"layer_id": 1, "num_filters": 5, "kernel_size": 3, "pool_size": 1, "padding": "valid"}, False),
    ("change_conv_layer", {"layer_id": 0, "num_filters": 7}, True),
    ("change_conv_layer", {"layer_id": 1, "num_filters": 17}, True),
    ("change_conv_layer", {"layer_id": 1, "num_filters": 4}, False),
    ("change_conv_layer", {"layer_id": 1, "kernel_size": 5}, True),
    ("change_conv_layer", {"layer_id": 1, "kernel_size": 4}, True),
    ("change_conv_layer", {"layer_id": 0, "kernel_size": 6}, True),
    ("change_conv_layer", {"layer_id": 0, "kernel_size": 4}, False),
    ("change_conv_layer", {"layer_id": 0, "kernel_size": 3}, False),
    ("change_conv_layer", {"layer_id": 0, "batch_norm": True}, True),
    ("change_conv_layer", {"layer_id": 0, "batch_norm": False}, True),
    ("change_conv_layer", {"layer_id": 1, "batch_norm": True}, True),
    ("change_conv_layer", {"layer_id": 1, "batch_norm": False}, True),
    ("change_conv_layer", {"layer_id": 0, "pool_size": 1}, False),
    ("change_conv_layer", {"layer_id": 1, "pool_size": 2}, False),
    ("change_conv_layer", {"layer_id": 0, "padding": "valid"}, False),
    ("change_conv_layer", {"layer_id": 1, "dropout_rate": 0.1, "l2_regularization": 1e-3}, True),
    ("delete_conv_layer", {"layer_id": 0}, False),
    ("delete_conv_layer", {"layer_id": 1}, False),
    ("add_dense_layer", {"num_units": 16}, True),
    ("add_dense_layer", {"num_units": 40}, True),
    ("add_dense_layer", {"num_units": 8}, True),
    ("add_dense_layer", {"num_units": 7}, False),
    ("add_dense_layer", {"num_units": 2}, False),
    ("add_dense_layer", {"layer_id": 0, "num_units": 32}, True),
    ("add_dense_layer", {"layer_id": 0, "num_units": 600}, True),
    ("add_dense_layer", {"layer_id": 0, "num_units": 1}, False),
    ("change_dense_layer", {"layer_id": 0, "num_units": 30}, True),
    ("change_dense_layer", {"layer_id": 0, "num_units": 8}, False),
    ("delete_dense_layer", {"layer_id": 0}, False),
    ("change_logits_layer", {"dropout_rate": 0.1}, True),
    ("set_distortion", {"name": "brightness", "max_factor": 0.1}, True),
    ("delete_distortion", {"name": "brightness"}, True),
    ("change_model", {"num_classes": NEURONS}, True),
    ("change_model", {"image_size": 12}, False),
    ("change_model", {"image_size": 15}, False),
    ("change_model", {"image_size": 20}, False),
    ("change_training", {"learning_rate": 0.0005}, True),
    ("change_data", {"random_seed": 1}, True),
]
EXACT = [row[:2] for row in ROWS if row[2]]


def mutated(parent: Config, function: str, arguments: dict[str, Any]) -> Config:
    if function == "delete_distortion":
        parent = FUNCTIONS["set_distortion"](parent, name="brightness", max_factor=0.1)
    return FUNCTIONS[function](parent, **arguments)


def fresh(config: Config, seed: int = 5) -> Network:
    """As a pack starts it."""
    net = ConvNet(config.model, NEURONS, torch.Generator().manual_seed(seed))
    return Network(config.model, net.state_dict(), {})


def grown(config: Config, seed: int = 0) -> Network:
    """As after 7 steps: nothing is zero, one, or of one sign because it started so."""
    network, generator = fresh(config, seed), torch.Generator().manual_seed(seed)
    for name, value in network.net.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif name.startswith("norms") and name.endswith("weight"):
            value.uniform_(-1.5, 1.5, generator=generator)
        elif name.endswith(("bias", "running_mean")):
            value.uniform_(-0.2, 0.2, generator=generator)
    network.net["logits.bias"].add_(1.0)
    return Network(network.model, network.net, moments_of(gradients(network)))


def moments_of(gradients: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Adam's, if all gradients so far had been these."""
    return {
        name: {"step": torch.tensor(7.0), "exp_avg": gradient, "exp_avg_sq": gradient.square()}
        for name, gradient in gradients.items()
    }


def net_of(network: Network) -> ConvNet:
    net = ConvNet(build(Config, {"model": network.model.model_dump()}).model, NEURONS)
    net.load_state_dict(dict(network.net))
    return net.eval()


def images_of(size: int, count: int = 12) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(9))


def answers(network: Network, images: Tensor) -> Tensor:
    with torch.no_grad():
        return net_of(network)(images)


def gradients(network: Network) -> dict[str, Tensor]:
    """Of a loss that depends on every answer in its own way; batch normalisation as in evaluation."""
    net, images = net_of(network), images_of(network.model.image_size)
    net(images).square().mul(torch.linspace(-1, 1, len(images) * NEURONS).view(-1, NEURONS)).sum().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}


def inherited(parent: Network, config: Config, seed: int = 1) -> Inheritance:
    return inherit(parent, fresh(config), torch.Generator().manual_seed(seed))


def tensors(network: Network) -> dict[str, Tensor]:
    moments = {f"{name} {key}": value for name, kept in network.moments.items() for key, value in kept.items()}
    return {**network.net, **moments}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def copied(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in tensors(network).items()}


def check_whole(child: Network, config: Config) -> None:
    """Shapes are those of a new network, values finite, and squares not negative."""
    wanted = fresh(config)
    assert child.model == config.model
    assert {name: value.shape for name, value in child.net.items()} == {
        name: value.shape for name, value in wanted.net.items()
    }
    assert all(value.isfinite().all() for value in tensors(child).values())
    for name, moments in child.moments.items():
        assert moments["step"] == 7
        assert moments["exp_avg"].shape == moments["exp_avg_sq"].shape == child.net[name].shape
        assert (moments["exp_avg_sq"] >= 0).all()
