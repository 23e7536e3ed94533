import math
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from tuner.config import (
    Brightness,
    Config,
    ConvLayer,
    DataConfig,
    DenseLayer,
    Distortions,
    FlipLeftRight,
    FlipUpDown,
    LogitsLayer,
    ModelConfig,
    Rotate,
    RotateChoice,
    Saturation,
    TrainingConfig,
    check_shapes,
    conv_width,
    dump_config,
    load_config,
)
from tuner.errors import ConfigError, InputError, dotted
from tuner.settings import Settings, build, plain, replaced

ROOT = Path(__file__).parents[1]

ORIGINAL = """
data:
  eval_size: 20
  random_seed: 130
  distortions:
    flip_left_right: {}
    flip_up_down: {}
    rotate_choice:
      angles: [0, 45, 90]
    rotate:
      max_angle: 30
      interpolation: BILINEAR
    brightness:
      max_factor: 0.1
    saturation:
      min_value: 0.8
      max_value: 1.2
model:
  image_size: 48
  num_classes: 18
  conv_layers:
    - num_filters: 32
      kernel_size: 5
      padding: same
      dropout_rate: 0.0
      l2_regularization: 0.0
  dense_layers:
    - num_units: 512
      dropout_rate: 0.4
      l2_regularization: 0.0
  logits_layer:
    dropout_rate: 0.4
    l2_regularization: 0.0
training:
  eval_steps: 50
  early_stopping_evals: 5
  learning_rate: 0.001
  keep_checkpoint_max: 3
  export_best_models: true
  exports_to_keep: 3
"""

TRAINING_SETTINGS = (
    "eval_steps, early_stopping_evals, max_steps, batch_size, learning_rate, precision, keep_checkpoint_max, "
    "export_best_models, exports_to_keep"
)

GROUPS: dict[str, tuple[type[Settings], str]] = {
    "": (Config, "{key}: 1"),
    "data": (DataConfig, "data: {{{key}: 1}}"),
    "data.distortions": (Distortions, "data: {{distortions: {{{key}: 1}}}}"),
    "data.distortions.flip_left_right": (FlipLeftRight, "data: {{distortions: {{flip_left_right: {{{key}: 1}}}}}}"),
    "data.distortions.flip_up_down": (FlipUpDown, "data: {{distortions: {{flip_up_down: {{{key}: 1}}}}}}"),
    "data.distortions.rotate_choice": (RotateChoice, "data: {{distortions: {{rotate_choice: {{{key}: 1}}}}}}"),
    "data.distortions.rotate": (Rotate, "data: {{distortions: {{rotate: {{{key}: 1}}}}}}"),
    "data.distortions.brightness": (Brightness, "data: {{distortions: {{brightness: {{{key}: 1}}}}}}"),
    "data.distortions.saturation": (Saturation, "data: {{distortions: {{saturation: {{{key}: 1}}}}}}"),
    "model": (ModelConfig, "model: {{{key}: 1}}"),
    "model.conv_layers[0]": (ConvLayer, "model: {{conv_layers: [{{{key}: 1}}]}}"),
    "model.dense_layers[0]": (DenseLayer, "model: {{dense_layers: [{{{key}: 1}}]}}"),
    "model.logits_layer": (LogitsLayer, "model: {{logits_layer: {{{key}: 1}}}}"),
    "training": (TrainingConfig, "training: {{{key}: 1}}"),
}


def load(folder: Path, text: str) -> Config:
    path = folder / "base.yaml"
    path.write_text(text)
    return load_config(path)


def test_every_key_of_the_original_format_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, ORIGINAL) == Config(
        data=DataConfig(
            eval_size=20,
            random_seed=130,
            distortions=Distortions(
                flip_left_right=FlipLeftRight(),
                flip_up_down=FlipUpDown(),
                rotate_choice=RotateChoice(angles=(0, 45, 90)),
                rotate=Rotate(max_angle=30, interpolation="BILINEAR"),
                brightness=Brightness(max_factor=0.1),
                saturation=Saturation(min_value=0.8, max_value=1.2),
            ),
        ),
        model=ModelConfig(
            image_size=48,
            num_classes=18,
            conv_layers=(ConvLayer(num_filters=32, kernel_size=5),),
            dense_layers=(DenseLayer(num_units=512, dropout_rate=0.4),),
            logits_layer=LogitsLayer(dropout_rate=0.4),
        ),
        training=TrainingConfig(
            eval_steps=50,
            early_stopping_evals=5,
            learning_rate=0.001,
            keep_checkpoint_max=3,
            export_best_models=True,
            exports_to_keep=3,
        ),
    )


def test_the_added_keys_default_to_what_the_original_did(tmp_path: Path) -> None:
    config = load(tmp_path, ORIGINAL)
    assert (config.data.folds, config.data.repeats, config.data.reshuffle) == (1, 1, False)
    assert (config.model.conv_layers[0].pool_size, config.model.conv_layers[0].batch_norm) == (2, False)
    assert (config.training.max_steps, config.training.batch_size, config.training.precision) == (1000, None, "auto")


def test_a_config_without_keys_is_the_default_one(tmp_path: Path) -> None:
    assert load(tmp_path, "{}") == Config()
    assert load(tmp_path, "data: {}\nmodel: {}\ntraining: {}") == Config()


def test_the_base_config_that_comes_along_is_valid_and_names_every_setting_of_its_groups() -> None:
    config = load_config(ROOT / "base_configs" / "default.yaml")
    text = (ROOT / "base_configs" / "default.yaml").read_text()
    for group in (DataConfig, ModelConfig, TrainingConfig):
        assert [name for name in group.model_fields if f"\n  {name}:" not in text] == []
    assert [config.data.folds, len(config.model.conv_layers)] == [3, 2]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (
            "training:\n  learning_rat: 0.1",
            2,
            f"training.learning_rat is not a setting; did you mean learning_rate? (allowed: {TRAINING_SETTINGS})",
        ),
        ("trainin: {}", 1, "trainin is not a setting; did you mean training? (allowed: data, model, training)"),
        ("zzz: {}", 1, "zzz is not a setting; allowed: data, model, training"),
        ("\n\nmodel:\n  conv_layers:\n    - kernel_size: 3", 5, "model.conv_layers[0].num_filters is missing"),
        ("model:\n  image_size: 48.0", 2, "model.image_size must be a valid integer, but got 48.0"),
        ("model:\n  image_size: '48'", 2, "model.image_size must be a valid integer, but got '48'"),
        ("model:\n  image_size: yes", 2, "model.image_size must be a valid integer, but got 'yes'"),
        ("model:\n  image_size: true", 2, "model.image_size must be a valid integer, but got true"),
        ("model:\n  image_size: null", 2, "model.image_size must be a valid integer, but got null"),
        ("model:\n  image_size: 0", 2, "model.image_size must be greater than or equal to 1, but got 0"),
        ("data:\n  reshuffle: 1", 2, "data.reshuffle must be a valid boolean, but got 1"),
        ("data:\n  random_seed: -1", 2, "data.random_seed must be greater than or equal to 0, but got -1"),
        (
            f"data:\n  random_seed: {2**63}",
            2,
            f"data.random_seed must be less than 9223372036854775808, but got {2**63}",
        ),
        ("training:\n  learning_rate: 0", 2, "training.learning_rate must be greater than 0, but got 0"),
        ("training:\n  learning_rate: .inf", 2, "training.learning_rate must be a finite number, but got inf"),
        ("training:\n  precision: fp16", 2, "training.precision must be 'auto', 'fp32' or 'bf16', but got 'fp16'"),
        (
            "model:\n  logits_layer:\n    dropout_rate: 1.0",
            3,
            "model.logits_layer.dropout_rate must be less than 1, but got 1.0",
        ),
        ("model:\n  conv_layers: {a: 1}", 2, "model.conv_layers must be a list, but got {'a': 1}"),
        ("model:\n  conv_layers:", 2, "model.conv_layers must be a list, but got null"),
        ("model:\n  conv_layers:\n    - 3", 3, "model.conv_layers[0] must be a mapping of settings, but got 3"),
        ("model:", 1, "model must be a mapping of settings, but got null"),
        (
            "model:\n  conv_layers:\n    - {num_filters: 1, kernel_size: 1, padding: SAME}",
            3,
            "model.conv_layers[0].padding must be 'same' or 'valid', but got 'SAME'",
        ),
        (
            f"model: {{conv_layers: [{'{num_filters: 1, kernel_size: 1, pool_size: 1}, ' * 101}]}}",
            1,
            "model.conv_layers must have at most 100 items, but got 101",
        ),
        (
            "data:\n  distortions:\n    rotate_choice: {angles: []}",
            3,
            "data.distortions.rotate_choice.angles must have at least 1 items, but got 0",
        ),
        (
            "data:\n  distortions:\n    rotate:",
            3,
            "data.distortions.rotate must be a mapping of its arguments, such as `rotate: {}`, but got null",
        ),
        (
            "data:\n  distortions:\n    saturation:\n      min_value: 2\n      max_value: 1",
            3,
            "data.distortions.saturation must have min_value <= max_value, but got 2.0 > 1.0",
        ),
        (
            "model:\n  image_size: 4\n  conv_layers:\n    - {num_filters: 1,\n       kernel_size: 5}",
            5,
            "model.conv_layers[0].kernel_size must be at most 4, the width of its input, but got 5",
        ),
        (
            "model:\n  image_size: 8\n  conv_layers:\n"
            + 2 * "    - {num_filters: 1, kernel_size: 3, padding: valid}\n",
            5,
            "model.conv_layers[1].pool_size must be at most 1, the width of its input, but got 2",
        ),
        (
            "model:\n  conv_layers: [{num_filters: 1, kernel_size: 1, batch_norm: true}]\ntraining:\n  batch_size: 1",
            4,
            "training.batch_size must be at least 2 with batch_norm, but got 1",
        ),
    ],
)
def test_an_error_names_file_line_key_what_was_found_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'{tmp_path}/base.yaml:{line}: {problem}')}$"):
        load(tmp_path, text)


@pytest.mark.parametrize("text", ["", "~", "[]", "3", "data"])
def test_a_file_without_keys_is_not_a_config(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"base.yaml:1: a config is a mapping with the keys data, model and training$"):
        load(tmp_path, text)


@pytest.mark.parametrize("group", GROUPS)
def test_a_misspelt_key_of_any_group_is_named_with_the_nearest_and_all_others(tmp_path: Path, group: str) -> None:
    kind, template = GROUPS[group]
    for name in kind.model_fields:
        key = f"{group}.{name}x" if group else f"{name}x"
        expected = f"{key} is not a setting; did you mean {name}? (allowed: {', '.join(kind.model_fields)})"
        with pytest.raises(InputError, match=re.escape(expected)):
            load(tmp_path, template.format(key=f"{name}x"))


SAMPLES: tuple[Settings, ...] = (
    Rotate(max_angle=1),
    Brightness(max_factor=0.1),
    Saturation(min_value=0, max_value=1),
    ConvLayer(num_filters=1, kernel_size=1),
    DenseLayer(num_units=1),
    LogitsLayer(),
    TrainingConfig(),
)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("sample", "name"),
    [
        (sample, name)
        for sample in SAMPLES
        for name, field in type(sample).model_fields.items()
        if field.annotation is float
    ],
)
def test_no_number_is_infinite_or_nan(sample: Settings, name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be .*, but got {value}$"):
        replaced(sample, {name: value})


def test_no_angle_is_nan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"angles\[1\] must be less than or equal to 360, but got nan$"):
        load(tmp_path, "data: {distortions: {rotate_choice: {angles: [1, .nan]}}}")


def test_a_misspelt_key_is_named_before_what_is_missing_for_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"num_filter is not a setting; did you mean num_filters\?"):
        load(tmp_path, "model: {conv_layers: [{num_filter: 3, kernel_size: 3}]}")


layers = st.builds(
    ConvLayer,
    num_filters=st.integers(1, 3),
    kernel_size=st.sampled_from([1, 2, 3, 5, 7]),
    padding=st.just("valid"),
    pool_size=st.integers(1, 4),
)


@settings(deadline=None)
@given(size=st.integers(1, 20), convs=st.lists(layers, max_size=3).map(tuple))
def test_a_shape_is_possible_exactly_if_torch_can_compute_it(size: int, convs: tuple[ConvLayer, ...]) -> None:
    channels, modules = 3, []
    for layer in convs:
        modules += [nn.Conv2d(channels, layer.num_filters, layer.kernel_size), nn.MaxPool2d(layer.pool_size)]
        channels = layer.num_filters
    model = ModelConfig(image_size=size, conv_layers=convs)
    try:
        with torch.inference_mode():
            nn.Sequential(*modules)(torch.zeros(1, 3, size, size))
    except RuntimeError:
        with pytest.raises(ConfigError, match=r"must be at most [0-9]+, the width of its input, but got"):
            check_shapes(model)
    else:
        check_shapes(model)


@pytest.mark.parametrize(("padding", "width"), [("same", 9), ("valid", 5)])
def test_a_convolution_is_as_wide_as_torch_makes_it(padding: Any, width: int) -> None:
    layer = ConvLayer(num_filters=1, kernel_size=5, padding=padding)
    assert conv_width(layer, 9) == width
    assert nn.Conv2d(3, 1, 5, padding=padding)(torch.zeros(1, 3, 9, 9)).shape[2] == width


def test_a_padded_kernel_may_be_as_wide_as_its_input_and_no_wider() -> None:
    check_shapes(ModelConfig(image_size=3, conv_layers=(ConvLayer(num_filters=1, kernel_size=3),)))
    with pytest.raises(ConfigError, match=r"kernel_size must be at most 3, the width of its input, but got 4$"):
        check_shapes(ModelConfig(image_size=3, conv_layers=(ConvLayer(num_filters=1, kernel_size=4),)))


rates = st.floats(0, 1, exclude_max=True)
configs = st.builds(
    Config,
    data=st.builds(
        DataConfig,
        eval_size=st.integers(1, 10**6),
        random_seed=st.integers(0, 2**63 - 1),
        folds=st.integers(1, 1000),
        reshuffle=st.booleans(),
        distortions=st.builds(
            Distortions,
            flip_left_right=st.none() | st.builds(FlipLeftRight),
            rotate_choice=st.none()
            | st.builds(RotateChoice, angles=st.lists(st.floats(-360, 360), min_size=1, max_size=3)),
            rotate=st.none()
            | st.builds(Rotate, max_angle=st.just(3), interpolation=st.sampled_from(["BILINEAR", "NEAREST"])),
            saturation=st.none() | st.builds(Saturation, min_value=st.floats(0, 1), max_value=st.floats(1, 100)),
        ),
    ),
    model=st.builds(
        ModelConfig,
        image_size=st.integers(8, 4096),
        num_classes=st.none() | st.integers(1, 65536),
        conv_layers=st.lists(
            st.builds(
                ConvLayer,
                num_filters=st.integers(1, 65536),
                kernel_size=st.integers(1, 2),
                padding=st.sampled_from(["same", "valid"]),
                pool_size=st.integers(1, 2),
                batch_norm=st.booleans(),
            ),
            max_size=2,
        ).map(tuple),
        dense_layers=st.lists(st.builds(DenseLayer, num_units=st.integers(1, 65536), dropout_rate=rates), max_size=2),
        logits_layer=st.builds(LogitsLayer, dropout_rate=rates, l2_regularization=st.floats(0, 1e300)),
    ),
    training=st.builds(
        TrainingConfig,
        batch_size=st.none() | st.integers(2, 1000),
        learning_rate=st.floats(0, 1e300, exclude_min=True),
        precision=st.sampled_from(["auto", "fp32", "bf16"]),
        export_best_models=st.booleans(),
    ),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of one property share."""
    return tmp_path_factory.mktemp("scratch")


@settings(deadline=None)
@given(configs)
def test_what_is_dumped_is_loaded_as_an_equal_config(scratch: Path, config: Config) -> None:
    loaded = load(scratch, dump_config(config))
    assert loaded == config
    assert hash(loaded) == hash(config)
    assert build(Config, plain(config)) == config


def test_nulls_are_left_out_of_plain_values() -> None:
    assert plain(Config())["data"] == {
        "eval_size": 20,
        "random_seed": 0,
        "distortions": {},
        "folds": 1,
        "repeats": 1,
        "reshuffle": False,
    }


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Config().training.learning_rate = 1.0  # type: ignore[misc]


def test_replaced_changes_what_is_named_and_nothing_else() -> None:
    before = TrainingConfig(eval_steps=7)
    assert replaced(before, {"max_steps": 9}) == TrainingConfig(eval_steps=7, max_steps=9)
    assert before == TrainingConfig(eval_steps=7)


def test_replaced_checks_what_it_is_given() -> None:
    with pytest.raises(ConfigError, match=r"^training.max_steps must be greater than or equal to 1, but got 0$"):
        replaced(TrainingConfig(), {"max_steps": 0}, ("training",))


def test_a_config_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ConfigError(("model", "conv_layers", 1), "is odd")))
    assert (error.path, error.problem, str(error)) == (
        ("model", "conv_layers", 1),
        "is odd",
        "model.conv_layers[1] is odd",
    )


def test_a_path_is_written_as_users_write_it() -> None:
    assert dotted(("model", "conv_layers", 1, "kernel_size")) == "model.conv_layers[1].kernel_size"
    assert dotted(()) == "the file"
