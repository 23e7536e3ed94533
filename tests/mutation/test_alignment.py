"""Which layers go on from which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.config import ConvLayer, DenseLayer
from tuner.mutation.alignment import Layers, Pair, align, same_shapes

A, B, C = (ConvLayer(num_filters=count, kernel_size=kernel) for count, kernel in ((4, 5), (8, 3), (16, 1)))
WIDE_A = ConvLayer(num_filters=5, kernel_size=5)
TRAINED_A = ConvLayer(num_filters=4, kernel_size=5, dropout_rate=0.5, l2_regularization=0.1)
OTHER_A = ConvLayer(num_filters=5, kernel_size=4, padding="valid", pool_size=3, batch_norm=True)
D, E = DenseLayer(num_units=3), DenseLayer(num_units=4)

TABLE: list[tuple[Layers, Layers, list[Pair]]] = [
    ([], [], []),
    ([], [A, B], [(None, 0), (None, 1)]),
    ([A, B], [], [(0, None), (1, None)]),
    ([A, B], [A, B], [(0, 0), (1, 1)]),
    ([A, B], [C, A, B], [(None, 0), (0, 1), (1, 2)]),
    ([A, B], [A, C, B], [(0, 0), (None, 1), (1, 2)]),
    ([A, B], [A, B, C], [(0, 0), (1, 1), (None, 2)]),
    ([A, B, C], [B, C], [(0, None), (1, 0), (2, 1)]),
    ([A, B, C], [A, C], [(0, 0), (1, None), (2, 1)]),
    ([A, B, C], [A, B], [(0, 0), (1, 1), (2, None)]),
    ([A, B], [WIDE_A, B], [(0, 0), (1, 1)]),
    ([A, B], [OTHER_A, B], [(0, 0), (1, 1)]),
    ([A, B], [TRAINED_A, B], [(0, 0), (1, 1)]),
    ([A, B], [C, WIDE_A, B], [(None, 0), (0, 1), (1, 2)]),
    ([A, A], [A, A, A], [(0, 0), (1, 1), (None, 2)]),
    ([A, A, A], [A, A], [(0, 0), (1, 1), (2, None)]),
    ([D, E], [E], [(0, None), (1, 0)]),
    ([D], [E], [(0, 0)]),
    ([D], [D, D], [(0, 0), (None, 1)]),
]
LAYERS = st.lists(st.sampled_from([A, B, C, WIDE_A, OTHER_A]), max_size=5)


@pytest.mark.parametrize(("parent", "child", "pairs"), TABLE)
def test_layers_are_paired_at_the_lowest_cost_and_what_is_new_comes_late(
    parent: Layers, child: Layers, pairs: list[Pair]
) -> None:
    assert align(parent, child) == pairs


@given(LAYERS, LAYERS)
def test_every_layer_occurs_once_and_in_order(parent: list[ConvLayer], child: list[ConvLayer]) -> None:
    pairs = align(parent, child)
    assert [one for one, _ in pairs if one is not None] == list(range(len(parent)))
    assert [other for _, other in pairs if other is not None] == list(range(len(child)))
    assert (None, None) not in pairs


@given(LAYERS)
def test_a_network_is_paired_with_itself(layers: list[ConvLayer]) -> None:
    assert align(layers, layers) == [(index, index) for index in range(len(layers))]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([], [], True),
        ([A, B], [A, B], True),
        ([A], [TRAINED_A], True),
        ([A], [A, B], False),
        ([A, B], [B, A], False),
        ([D], [DenseLayer(num_units=3, dropout_rate=0.5)], True),
        ([D], [E], False),
    ],
)
def test_shapes_are_the_same_whatever_layers_are_trained_with(one: Layers, other: Layers, same: bool) -> None:
    assert same_shapes(one, other) == same
    assert same_shapes(other, one) == same


@pytest.mark.parametrize(
    "change", [{"num_filters": 5}, {"kernel_size": 4}, {"padding": "valid"}, {"pool_size": 1}, {"batch_norm": True}]
)
def test_every_setting_that_changes_the_function_changes_the_shape(change: dict[str, object]) -> None:
    assert not same_shapes([A], [A.model_copy(update=change)])
