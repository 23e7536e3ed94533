"""What a child network takes from its parent: what it computes, and what is told of it."""

from typing import Any

import pytest
import torch

from tests.mutation.networks import (
    CONV,
    NEURONS,
    PARENTS,
    ROUNDING,
    ROWS,
    answers,
    check_whole,
    config_of,
    copied,
    fresh,
    grown,
    images_of,
    inherited,
    mutated,
    same,
    tensors,
)
from tuner.config import Config
from tuner.model import ConvNet
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.inherit import Inheritance, inherit
from tuner.mutation.network import Network


def test_the_table_holds_every_function() -> None:
    assert {row[0] for row in ROWS} == set(FUNCTIONS)


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize(("function", "arguments", "exact"), ROWS)
def test_a_child_is_whole_and_says_whether_it_computes_the_same(
    function: str, arguments: dict[str, Any], exact: bool, parent: str
) -> None:
    before, config = grown(PARENTS[parent]), mutated(PARENTS[parent], function, arguments)
    child = inherited(before, config)
    check_whole(child.network, config)
    assert child.exact == exact
    assert 0 < child.inherited <= child.total
    assert child.total == sum(parameter.numel() for parameter in ConvNet(config.model, NEURONS).parameters())
    if config.model.image_size == before.model.image_size:
        one, other = answers(before, images_of(16)), answers(child.network, images_of(16))
        assert (one > 0).float().mean() > 0.9  # else the last ReLU would make any two the same
        assert ((one - other).abs().max() < ROUNDING) == exact


@pytest.mark.parametrize(("function", "arguments"), [row[:2] for row in ROWS])
def test_arguments_stay_as_they_are_and_one_seed_gives_one_child(function: str, arguments: dict[str, Any]) -> None:
    parent, config = grown(PARENTS["normed"]), mutated(PARENTS["normed"], function, arguments)
    new = fresh(config)
    before = copied(parent), copied(new)
    one, other = (inherit(parent, new, torch.Generator().manual_seed(3)) for _ in range(2))
    assert same(tensors(one.network), tensors(other.network))
    assert (one.inherited, one.total, one.exact) == (other.inherited, other.total, other.exact)
    for value in tensors(one.network).values():
        value.fill_(3)  # the child's tensors are nobody else's
    assert same(tensors(parent), before[0])
    assert same(tensors(new), before[1])


@pytest.mark.parametrize("parent", PARENTS)
def test_a_child_of_the_same_layers_is_its_parent_bit_for_bit(parent: str) -> None:
    before = grown(PARENTS[parent])
    child = inherited(before, FUNCTIONS["change_logits_layer"](PARENTS[parent], dropout_rate=0.5))
    assert same(tensors(child.network), tensors(before))
    assert (child.inherited, child.exact) == (child.total, True)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(("function", "arguments"), [row[:2] for row in ROWS])
def test_a_diverged_parent_is_no_error(function: str, arguments: dict[str, Any], value: float) -> None:
    parent, config = grown(PARENTS["normed"]), mutated(PARENTS["normed"], function, arguments)
    for weights in parent.net.values():
        weights.fill_(value if weights.is_floating_point() else 7)
    child = inherited(parent, config).network
    assert not all(weights.isfinite().all() for weights in child.net.values())
    assert {name: weights.shape for name, weights in child.net.items()} == {
        name: weights.shape for name, weights in fresh(config).net.items()
    }


def test_another_seed_copies_other_units() -> None:
    parent, config = (
        grown(PARENTS["plain"]),
        mutated(PARENTS["plain"], "change_dense_layer", {"layer_id": 0, "num_units": 30}),
    )
    one, other = (inherited(parent, config, seed).network.net["denses.0.bias"] for seed in (1, 2))
    assert torch.equal(one[:16], other[:16])
    assert not torch.equal(one[16:], other[16:])


def test_what_is_inherited_is_counted_and_told() -> None:
    parent = grown(PARENTS["plain"])
    told = {
        str(inherited(parent, mutated(PARENTS["plain"], function, arguments)))
        for function, arguments in (
            ("change_training", {"learning_rate": 1.0}),
            ("add_conv_layer", {"num_filters": 8, "kernel_size": 3, "pool_size": 1}),
            ("add_dense_layer", {"layer_id": 0, "num_units": 600}),
        )
    }
    assert told == {
        "inherited 100 % of 8.9 k weights",
        "inherited 94 % of 9.5 k weights",
        "inherited 3 % of 318 k weights",
    }


@pytest.mark.parametrize("parent", PARENTS)
def test_zeros_around_a_smaller_kernel_are_not_inherited(parent: str) -> None:
    child = inherited(grown(PARENTS[parent]), FUNCTIONS["change_conv_layer"](PARENTS[parent], 1, kernel_size=5))
    assert child.total - child.inherited == 8 * 4 * (5 * 5 - 3 * 3)


@pytest.mark.parametrize(
    ("inherited", "total", "text"),
    [
        (0, 0, "inherited 0 % of 0 weights"),
        (999, 999, "inherited 100 % of 999 weights"),
        (1, 1000, "inherited 0 % of 1.0 k weights"),
        (5_000, 9_949, "inherited 50 % of 9.9 k weights"),
        (5_000, 10_000, "inherited 50 % of 10 k weights"),
        (123_456, 999_499, "inherited 12 % of 999 k weights"),
        (500_000, 999_501, "inherited 50 % of 1.0 M weights"),
        (1, 12_345_678, "inherited 0 % of 12 M weights"),
    ],
)
def test_the_number_of_weights_is_told_in_three_digits(inherited: int, total: int, text: str) -> None:
    network = Network(Config().model, {}, {})
    assert str(Inheritance(network, inherited, total, exact=False)) == text


@pytest.mark.parametrize("units", [(600, 32), (600, 600), (32, 64), (32, 2)])
def test_dense_layers_are_added_one_behind_the_other(units: tuple[int, int]) -> None:
    before, config = grown(PARENTS["plain"]), PARENTS["plain"]
    for layer_id, count in enumerate(units):
        config = mutated(config, "add_dense_layer", {"layer_id": layer_id, "num_units": count})
    child = inherited(before, config)
    assert child.exact == (units != (32, 2))
    check_whole(child.network, config)
    one, other = answers(before, images_of(16)), answers(child.network, images_of(16))
    assert ((one - other).abs().max() < ROUNDING) == child.exact


def difference(parent: Network, child: Network) -> float:
    images = images_of(parent.model.image_size)
    return float((answers(parent, images) - answers(child, images)).abs().max())


def test_a_narrower_layer_keeps_the_units_that_matter() -> None:
    parent = grown(PARENTS["plain"])
    parent.net["logits.weight"][:, ::2] = 0.0
    config = mutated(PARENTS["plain"], "change_dense_layer", {"layer_id": 0, "num_units": 8})
    assert difference(parent, inherited(parent, config).network) < ROUNDING


def test_an_added_convolution_that_is_too_narrow_passes_the_channels_that_matter() -> None:
    parent = grown(PARENTS["plain"])
    parent.net["denses.0.weight"].view(16, 8, 8, 8)[:, [0, 5]] = 0.0
    config = mutated(PARENTS["plain"], "add_conv_layer", {"num_filters": 6, "kernel_size": 3, "pool_size": 1})
    assert difference(parent, inherited(parent, config).network) < ROUNDING


def test_a_first_layer_of_three_filters_passes_the_image_where_there_is_no_edge() -> None:
    config = config_of(conv_layers=[{**CONV, "kernel_size": 1}], dense_layers=[{"num_units": 16}])
    parent = grown(config)
    added = mutated(config, "add_conv_layer", {"layer_id": 0, "num_filters": 3, "kernel_size": 3, "pool_size": 1})
    assert difference(parent, inherited(parent, added).network) < ROUNDING


def test_what_a_deleted_layer_added_is_not_lost_to_a_batch_normalisation() -> None:
    conv = {"num_filters": 3, "kernel_size": 1, "pool_size": 1}
    config = config_of(image_size=8, conv_layers=[conv, conv, {**conv, "num_filters": 5, "batch_norm": True}])
    parent = grown(config)
    for name in ("convs.0", "convs.1"):
        parent.net[f"{name}.weight"].abs_()
        parent.net[f"{name}.bias"].fill_(4.0)
    child = inherited(parent, mutated(config, "delete_conv_layer", {"layer_id": 1})).network
    images = images_of(8)
    # Values are about 10: 1e-4 is their rounding.
    torch.testing.assert_close(answers(child, images), answers(parent, images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("units", [600, 8])
def test_what_a_deleted_layer_added_is_not_lost_to_an_added_dense_one(units: int) -> None:
    """Where all values are positive, its ReLU does nothing, and with kernels of one pixel nothing else is lost."""
    conv = {"num_filters": 3, "kernel_size": 1, "pool_size": 1}
    config = config_of(image_size=8, conv_layers=[conv, conv])
    parent = grown(config)
    for name in ("convs.0", "convs.1"):
        parent.net[f"{name}.weight"].abs_()
        parent.net[f"{name}.bias"].fill_(4.0)
    parent.net["logits.bias"].fill_(20.0)
    child = inherited(
        parent, mutated(mutated(config, "delete_conv_layer", {"layer_id": 1}), "add_dense_layer", {"num_units": units})
    )
    assert not child.exact
    images = images_of(8)
    one, other = answers(parent, images), answers(child.network, images)
    assert (one > 0).all()
    assert (one - other).abs().max() < 1e-4
