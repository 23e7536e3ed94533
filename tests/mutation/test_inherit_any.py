"""Any network inherits from any other."""

from collections.abc import Callable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.mutation.networks import (
    ROUNDING,
    ROWS,
    answers,
    check_whole,
    config_of,
    grown,
    images_of,
    inherited,
    mutated,
)
from tuner.config import Config
from tuner.errors import ConfigError

LAYER = {"batch_norm": st.booleans(), "padding": st.sampled_from(["same", "valid"])}
CONVS = st.lists(
    st.fixed_dictionaries(
        {"num_filters": st.integers(1, 7), "kernel_size": st.integers(1, 5), "pool_size": st.integers(1, 3), **LAYER}
    ),
    max_size=3,
)
DENSES = st.lists(st.fixed_dictionaries({"num_units": st.integers(1, 12)}), max_size=2)
MODELS = st.fixed_dictionaries({"image_size": st.integers(8, 14), "conv_layers": CONVS, "dense_layers": DENSES})


MUTATIONS = st.lists(st.sampled_from([row[:2] for row in ROWS if row[1].get("image_size", 8) <= 14]), max_size=2)


def possible(make: Callable[[], Config]) -> Config:
    try:
        return make()
    except ConfigError:
        assume(False)
        raise


@given(MODELS, MODELS, st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_any_network_inherits_from_any_other(one: dict[str, Any], other: dict[str, Any], seed: int) -> None:
    check_inherits(possible(lambda: config_of(**one)), possible(lambda: config_of(**other)), seed)


@given(MODELS, MUTATIONS, st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_any_network_inherits_through_several_mutations(
    one: dict[str, Any], mutations: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    parent = possible(lambda: config_of(**one))
    check_inherits(parent, possible(lambda: mutated_often(parent, mutations)), seed)


def mutated_often(config: Config, mutations: list[tuple[str, dict[str, Any]]]) -> Config:
    for function, arguments in mutations:
        config = mutated(config, function, arguments)
    return config


def check_inherits(parent: Config, config: Config, seed: int) -> None:
    before = grown(parent, seed)
    child = inherited(before, config, seed)
    check_whole(child.network, config)
    assert 0 <= child.inherited <= child.total
    if child.exact:
        assert parent.model.image_size == config.model.image_size
        images = images_of(parent.model.image_size)
        wanted = answers(before, images)
        assert (wanted - answers(child.network, images)).abs().max() <= ROUNDING * max(1.0, float(wanted.max()))
