import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.config import Config
from tuner.errors import ConfigError
from tuner.mutation.functions import FUNCTIONS
from tuner.settings import build, plain

CONV = {
    "num_filters": 4,
    "kernel_size": 5,
    "padding": "same",
    "dropout_rate": 0.0,
    "l2_regularization": 0.0,
    "pool_size": 2,
    "batch_norm": False,
}
CONV_2 = {**CONV, "num_filters": 8, "kernel_size": 3, "dropout_rate": 0.25}
DENSE = {"num_units": 16, "dropout_rate": 0.5, "l2_regularization": 0.0}
LOGITS = {"dropout_rate": 0.5, "l2_regularization": 0.125}
NEW_CONV = {**CONV, "num_filters": 2, "kernel_size": 1}
NEW_DENSE = {"num_units": 3, "dropout_rate": 0.0, "l2_regularization": 0.0}

BASE = build(
    Config,
    {
        "data": {"distortions": {"flip_up_down": {}, "rotate": {"max_angle": 30.0, "interpolation": "NEAREST"}}},
        "model": {"conv_layers": [CONV, CONV_2], "dense_layers": [DENSE], "logits_layer": LOGITS},
        "training": {"batch_size": 32},
    },
)

# function, arguments, what alone is different in the new config, and how
CHANGES: list[tuple[str, dict[str, Any], str, Any]] = [
    ("add_conv_layer", {"num_filters": 2, "kernel_size": 1}, "model.conv_layers", [CONV, CONV_2, NEW_CONV]),
    (
        "add_conv_layer",
        {"layer_id": 0, "num_filters": 2, "kernel_size": 1},
        "model.conv_layers",
        [NEW_CONV, CONV, CONV_2],
    ),
    (
        "add_conv_layer",
        {"layer_id": 2, "num_filters": 2, "kernel_size": 1},
        "model.conv_layers",
        [CONV, CONV_2, NEW_CONV],
    ),
    (
        "add_conv_layer",
        {"layer_id": -1, "num_filters": 2, "kernel_size": 1},
        "model.conv_layers",
        [CONV, CONV_2, NEW_CONV],
    ),
    (
        "add_conv_layer",
        {"layer_id": -3, "num_filters": 2, "kernel_size": 1},
        "model.conv_layers",
        [NEW_CONV, CONV, CONV_2],
    ),
    ("change_conv_layer", {"layer_id": 1, "kernel_size": 7}, "model.conv_layers", [CONV, {**CONV_2, "kernel_size": 7}]),
    (
        "change_conv_layer",
        {"layer_id": -2, "padding": "valid", "batch_norm": True},
        "model.conv_layers",
        [{**CONV, "padding": "valid", "batch_norm": True}, CONV_2],
    ),
    ("delete_conv_layer", {"layer_id": 0}, "model.conv_layers", [CONV_2]),
    ("delete_conv_layer", {"layer_id": -1}, "model.conv_layers", [CONV]),
    ("add_dense_layer", {"num_units": 3}, "model.dense_layers", [DENSE, NEW_DENSE]),
    ("add_dense_layer", {"layer_id": 0, "num_units": 3}, "model.dense_layers", [NEW_DENSE, DENSE]),
    ("change_dense_layer", {"layer_id": 0, "num_units": 3}, "model.dense_layers", [{**DENSE, "num_units": 3}]),
    ("delete_dense_layer", {"layer_id": 0}, "model.dense_layers", []),
    ("change_logits_layer", {"dropout_rate": 0.0}, "model.logits_layer", {**LOGITS, "dropout_rate": 0.0}),
    ("set_distortion", {"name": "flip_left_right"}, "data.distortions.flip_left_right", {}),
    ("set_distortion", {"name": "brightness", "max_factor": 0.5}, "data.distortions.brightness", {"max_factor": 0.5}),
    (
        "set_distortion",
        {"name": "rotate", "max_angle": 5.0},
        "data.distortions.rotate",
        {"max_angle": 5.0, "interpolation": "BILINEAR"},
    ),
    (
        "set_distortion",
        {"name": "rotate_choice", "angles": (0, 90)},
        "data.distortions.rotate_choice",
        {"angles": [0.0, 90.0]},
    ),
    ("delete_distortion", {"name": "rotate"}, "data.distortions.rotate", None),
    ("change_model", {"image_size": 64}, "model.image_size", 64),
    ("change_model", {"num_classes": 18}, "model.num_classes", 18),
    ("change_training", {"learning_rate": 0.5}, "training.learning_rate", 0.5),
    ("change_training", {"batch_size": None}, "training.batch_size", None),
    ("change_data", {"folds": 5}, "data.folds", 5),
]

ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("add_conv_layer", {"num_filters": 2}, "model.conv_layers[2].kernel_size is missing"),
    (
        "add_conv_layer",
        {"num_filter": 2, "kernel_size": 1},
        "model.conv_layers[2].num_filter is not a setting; did you mean num_filters?",
    ),
    (
        "add_conv_layer",
        {"layer_id": 3, "num_filters": 2, "kernel_size": 1},
        "model.conv_layers has no layer 3 (allowed: -3 to 2)",
    ),
    (
        "add_conv_layer",
        {"num_filters": 2, "kernel_size": 13},
        "model.conv_layers[2].kernel_size must be at most 12, the width of its input, but got 13",
    ),
    ("change_conv_layer", {"layer_id": 2, "kernel_size": 1}, "model.conv_layers has no layer 2 (allowed: -2 to 1)"),
    ("change_conv_layer", {"layer_id": -3, "kernel_size": 1}, "model.conv_layers has no layer -3 (allowed: -2 to 1)"),
    (
        "change_conv_layer",
        {"layer_id": 1.0, "kernel_size": 1},
        "model.conv_layers are counted by a whole number, but got the layer_id 1.0",
    ),
    (
        "change_conv_layer",
        {"layer_id": True, "kernel_size": 1},
        "model.conv_layers are counted by a whole number, but got the layer_id true",
    ),
    (
        "change_conv_layer",
        {"layer_id": 1, "pool_size": 25},
        "model.conv_layers[1].pool_size must be at most 24, the width of its input, but got 25",
    ),
    ("change_conv_layer", {"layer_id": 1, "kernel": 1}, "model.conv_layers[1].kernel is not a setting; did you mean"),
    ("delete_conv_layer", {"layer_id": 2}, "model.conv_layers has no layer 2 (allowed: -2 to 1)"),
    ("add_dense_layer", {"num_units": 0}, "model.dense_layers[1].num_units must be greater than or equal to 1"),
    (
        "change_dense_layer",
        {"layer_id": 0, "num_units": "3"},
        "model.dense_layers[0].num_units must be a valid integer",
    ),
    ("delete_dense_layer", {"layer_id": 1}, "model.dense_layers has no layer 1 (allowed: -1 to 0)"),
    ("change_logits_layer", {"num_units": 1}, "model.logits_layer.num_units is not a setting; allowed: dropout_rate"),
    ("set_distortion", {"name": "rotat", "max_angle": 1.0}, "data.distortions.rotat is not a distortion; did you mean"),
    ("set_distortion", {"name": 3}, "data.distortions.3 is not a distortion; allowed: flip_left_right, flip_up_down"),
    ("set_distortion", {"name": "rotate", "max_angle": 0}, "data.distortions.rotate.max_angle must be greater than 0"),
    ("set_distortion", {"name": "rotate"}, "data.distortions.rotate.max_angle is missing"),
    (
        "delete_distortion",
        {"name": "brightness"},
        "data.distortions.brightness is not in the config, so it cannot be deleted",
    ),
    ("delete_distortion", {"name": "zoom"}, "data.distortions.zoom is not a distortion; allowed: flip_left_right"),
    ("change_model", {"image_size": 0}, "model.image_size must be greater than or equal to 1, but got 0"),
    ("change_model", {"conv_layers": ()}, "model.conv_layers is changed by the mutation function change_conv_layer"),
    ("change_model", {"dense_layers": ()}, "model.dense_layers is changed by the mutation function change_dense_layer"),
    ("change_model", {"logits_layer": 1}, "model.logits_layer is changed by the mutation function change_logits_layer"),
    ("change_model", {"image_size": 3}, "model.conv_layers[0].kernel_size must be at most 3, the width of its input"),
    ("change_training", {"learning_rat": 1.0}, "training.learning_rat is not a setting; did you mean learning_rate?"),
    ("change_data", {"distortions": None}, "data.distortions is changed by the mutation function set_distortion"),
    ("change_data", {"folds": 0}, "data.folds must be greater than or equal to 1, but got 0"),
]


def with_change(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    *parents, name = key.split(".")
    group = changed
    for parent in parents:
        group = group[parent]
    if value is None:
        del group[name]
    else:
        group[name] = value
    return changed


@pytest.mark.parametrize(("function", "arguments", "key", "value"), CHANGES)
def test_a_mutation_changes_what_it_names_and_nothing_else(
    function: str, arguments: dict[str, Any], key: str, value: Any
) -> None:
    before = plain(BASE)
    assert plain(FUNCTIONS[function](BASE, **arguments)) == with_change(before, key, value)
    assert plain(BASE) == before


@pytest.mark.parametrize(("function", "arguments", "problem"), ERRORS)
def test_a_mutation_that_cannot_be_applied_says_why(function: str, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(problem)}"):
        FUNCTIONS[function](BASE, **arguments)


def test_the_tables_hold_every_function() -> None:
    assert {row[0] for row in CHANGES} == {row[0] for row in ERRORS} == set(FUNCTIONS)
    assert all(function.__name__ == name for name, function in FUNCTIONS.items())


@pytest.mark.parametrize("function", ["change_conv_layer", "delete_conv_layer"])
def test_without_layers_there_is_none_to_name(function: str) -> None:
    with pytest.raises(ConfigError, match=r"^model.conv_layers has no layer 0 \(there are none\)$"):
        FUNCTIONS[function](Config(), layer_id=0)


@pytest.mark.parametrize(("kind", "count"), [("conv", 2), ("dense", 1)])
@given(st.data())
@settings(deadline=None)
def test_deleting_what_was_added_gives_the_config_before(kind: str, count: int, data: st.DataObject) -> None:
    layer_id = data.draw(st.none() | st.integers(-count - 1, count))
    arguments = {"num_filters": 1, "kernel_size": 1} if kind == "conv" else {"num_units": 1}
    added = FUNCTIONS[f"add_{kind}_layer"](BASE, layer_id=layer_id, **arguments)
    assert added != BASE
    assert FUNCTIONS[f"delete_{kind}_layer"](added, layer_id=-1 if layer_id is None else layer_id) == BASE


def test_a_mutation_that_names_the_values_there_are_changes_nothing() -> None:
    for function, arguments in (
        ("change_conv_layer", {"layer_id": 0, **CONV}),
        ("change_dense_layer", {"layer_id": 0, **DENSE}),
        ("change_logits_layer", LOGITS),
        ("set_distortion", {"name": "flip_up_down"}),
        ("change_training", {}),
    ):
        assert FUNCTIONS[function](BASE, **arguments) == BASE


def test_a_misspelt_setting_is_refused_even_if_its_value_is_null() -> None:
    with pytest.raises(ConfigError, match=r"training\.bogus is not a setting"):
        FUNCTIONS["change_training"](Config(), learning_rate=0.1, bogus=None)
