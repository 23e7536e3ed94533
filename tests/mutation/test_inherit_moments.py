"""What a child takes of its parent's Adam, and how copies of a unit become units of their own."""

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.mutation.networks import (
    EXACT,
    NEURONS,
    PARENTS,
    ROUNDING,
    answers,
    gradients,
    grown,
    images_of,
    inherited,
    mutated,
    net_of,
)
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.network import Network


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [row for row in EXACT if not (row[0].startswith("change_") and {"num_filters", "num_units"} & set(row[1]))],
)
def test_moments_are_those_of_the_childs_own_gradient(function: str, arguments: dict[str, Any], parent: str) -> None:
    """Where nothing is copied, and so no noise tells copies apart: the parent's are its gradient's, see `grown`."""
    child = inherited(grown(PARENTS[parent]), mutated(PARENTS[parent], function, arguments)).network
    gradient = gradients(child)
    assert "logits.bias" in child.moments
    for name, moments in child.moments.items():
        known = moments["exp_avg"] != 0
        assert known.any()
        # Relative to the largest: 5e-6 was the most that the order of sums made.
        tolerance = 1e-4 * float(gradient[name].abs().max())
        torch.testing.assert_close(moments["exp_avg"][known], gradient[name][known], rtol=0, atol=tolerance)
        torch.testing.assert_close(moments["exp_avg_sq"][known], moments["exp_avg"][known].square(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("parent", PARENTS)
def test_moments_of_kept_layers_and_of_the_middle_of_a_larger_kernel_are_the_parents(parent: str) -> None:
    before = grown(PARENTS[parent])
    child = inherited(before, FUNCTIONS["change_conv_layer"](PARENTS[parent], 1, kernel_size=5)).network
    assert child.moments.keys() == before.moments.keys()
    for name, moments in child.moments.items():
        middle = (..., slice(1, 4), slice(1, 4)) if name == "convs.1.weight" else ...
        for key, value in before.moments[name].items():
            found = moments[key] if key == "step" else moments[key][middle]
            assert torch.equal(found, value)
            assert name == "convs.1.weight" or torch.equal(child.net[name], before.net[name])
    squares, usual = child.moments["convs.1.weight"]["exp_avg_sq"], before.moments["convs.1.weight"]["exp_avg_sq"]
    torch.testing.assert_close(squares[..., 0, :], usual.mean().expand_as(squares[..., 0, :]))
    assert not child.moments["convs.1.weight"]["exp_avg"][..., 0, :].any()


WIDER = [
    ("change_conv_layer", {"layer_id": 0, "num_filters": 11}, "convs.0"),
    ("change_conv_layer", {"layer_id": 1, "num_filters": 17}, "convs.1"),
    ("change_dense_layer", {"layer_id": 0, "num_units": 30}, "denses.0"),
]


def groups_of(child: Network, parent: Network, name: str) -> list[list[int]]:
    """For each of the parent's units, its copies in the child."""
    mine, its = child.net[name].flatten(1), parent.net[name].flatten(1)
    return [[number for number, row in enumerate(mine) if torch.equal(row, wanted)] for wanted in its]


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize(("function", "arguments", "layer"), WIDER)
def test_copies_share_their_originals_gradient_and_moments(
    function: str, arguments: dict[str, Any], layer: str, parent: str
) -> None:
    before = grown(PARENTS[parent])
    child = inherited(before, mutated(PARENTS[parent], function, arguments)).network
    name = f"{layer}.weight"
    groups, gradient = groups_of(child, before, name), gradients(child)[name]
    assert sorted(chain.from_iterable(groups)) == list(range(len(gradient)))
    for unit, group in enumerate(groups):
        wanted = before.moments[name]["exp_avg"][unit]
        for found in (child.moments[name]["exp_avg"], gradient):
            tolerance = 1e-5 * float(before.moments[name]["exp_avg"].abs().max())
            torch.testing.assert_close(found[group].sum(0), wanted, rtol=0, atol=tolerance)
        for copy in group:
            squares, means = (child.moments[name][key][copy] for key in ("exp_avg_sq", "exp_avg"))
            torch.testing.assert_close(squares, means.square(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize(("function", "arguments", "layer"), WIDER)
def test_copies_go_their_own_ways(function: str, arguments: dict[str, Any], layer: str, parent: str) -> None:
    """Adam's steps do not depend on a gradient's size: with proportional gradients they would stay copies."""
    before = grown(PARENTS[parent])
    child = inherited(before, mutated(PARENTS[parent], function, arguments)).network
    assert_copies_part(child, groups_of(child, before, f"{layer}.weight"), f"{layer}.weight")


def assert_copies_part(child: Network, groups: list[list[int]], name: str) -> None:
    after, learning_rate = after_steps(child, 5)[name], 0.01
    several = [group for group in groups if len(group) > 1]
    assert several
    parted = [float((after[one] - after[group[0]]).abs().max()) for group in several for one in group[1:]]
    # A unit that answers no image has no gradient: that is not the copies' fault.
    assert np.mean(np.array(parted) > learning_rate / 2) > 0.6, parted


def after_steps(network: Network, steps: int) -> dict[str, Tensor]:
    """The parameters after so many of a new Adam's."""
    net, images = net_of(network), images_of(network.model.image_size)
    target = torch.rand(len(images), NEURONS, generator=torch.Generator().manual_seed(4)) * 3
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        (net(images) - target).square().mean().backward()
        adam.step()
    return {name: parameter.detach() for name, parameter in net.named_parameters()}


CONV_0_WIDER = ("change_conv_layer", {"layer_id": 0, "num_filters": 9})
CONV_1_WIDER = ("change_conv_layer", {"layer_id": 1, "num_filters": 9})
DENSE_WIDER = ("change_dense_layer", {"layer_id": 0, "num_units": 30})
SMALL = {"kernel_size": 3, "pool_size": 1}

# the layer that is wider, what comes behind it, whether the child computes what its parent does
BEHIND: list[tuple[tuple[str, dict[str, Any]], str, dict[str, Any], bool]] = [
    (CONV_0_WIDER, "add_conv_layer", {"layer_id": 1, "num_filters": 11, **SMALL}, True),
    (CONV_0_WIDER, "add_conv_layer", {"layer_id": 1, "num_filters": 7, **SMALL}, False),
    (CONV_0_WIDER, "delete_conv_layer", {"layer_id": 1}, False),
    (CONV_1_WIDER, "add_dense_layer", {"layer_id": 0, "num_units": 600}, True),
    (CONV_1_WIDER, "add_dense_layer", {"layer_id": 0, "num_units": 32}, True),
    (DENSE_WIDER, "add_dense_layer", {"layer_id": 1, "num_units": 33}, True),
    (DENSE_WIDER, "add_dense_layer", {"layer_id": 1, "num_units": 8}, True),
    (DENSE_WIDER, "add_dense_layer", {"layer_id": 1, "num_units": 6}, False),
]


@pytest.mark.parametrize(("wider", "function", "arguments", "exact"), BEHIND)
def test_copies_go_their_own_ways_whatever_comes_behind_them(
    wider: tuple[str, dict[str, Any]], function: str, arguments: dict[str, Any], exact: bool
) -> None:
    before = grown(PARENTS["plain"])
    child = inherited(before, mutated(mutated(PARENTS["plain"], *wider), function, arguments))
    one, other = answers(before, images_of(16)), answers(child.network, images_of(16))
    assert child.exact == exact == bool((one - other).abs().max() < ROUNDING)
    name = {CONV_0_WIDER[0]: f"convs.{wider[1]['layer_id']}.weight"}.get(wider[0], "denses.0.weight")
    assert_copies_part(child.network, groups_of(child.network, before, name), name)


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize(("function", "arguments", "layer"), WIDER)
def test_moments_of_other_layers_are_those_of_the_childs_own_gradient(
    function: str, arguments: dict[str, Any], layer: str, parent: str
) -> None:
    """Also of those that read copies: each is what its original is."""
    child = inherited(grown(PARENTS[parent]), mutated(PARENTS[parent], function, arguments)).network
    gradient = gradients(child)
    others = [name for name in child.moments if not name.startswith((layer, layer.replace("convs", "norms")))]
    assert len(others) >= 6
    for name in others:
        tolerance = 1e-4 * float(gradient[name].abs().max())
        torch.testing.assert_close(child.moments[name]["exp_avg"], gradient[name], rtol=0, atol=tolerance)
