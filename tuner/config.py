"""The config's schema: what a model, its data and its training may be."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator
from typing_extensions import Self

from tuner.document import read_document
from tuner.errors import ConfigError, InputError
from tuner.settings import Settings, build, plain

Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class FlipLeftRight(Settings):
    """Mirrors an image left to right with probability 1/2."""


class FlipUpDown(Settings):
    """Mirrors an image top to bottom with probability 1/2."""


class RotateChoice(Settings):
    """Rotates an image by one of `angles`, each equally likely."""

    angles: Annotated[
        tuple[Annotated[float, Field(ge=-360, le=360)], ...], Field(strict=False, min_length=1, max_length=360)
    ]
    """Degrees, anticlockwise."""


class Rotate(Settings):
    """Rotates an image by an angle drawn evenly from -`max_angle` to `max_angle`."""

    max_angle: Annotated[float, Field(gt=0, le=180)]
    """Degrees."""
    interpolation: Literal["BILINEAR", "NEAREST"] = "BILINEAR"


class Brightness(Settings):
    """Multiplies an image by a factor drawn evenly from 1 - `max_factor` to 1 + `max_factor`, then clips it to 0..1."""

    max_factor: Annotated[float, Field(gt=0, le=1)]


class Saturation(Settings):
    """Blends an image with its grey version by a factor drawn from `min_value` to `max_value`; 1 changes nothing."""

    min_value: Annotated[float, Field(ge=0, le=100)]
    max_value: Annotated[float, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_value > self.max_value:
            raise ValueError(f"must have min_value <= max_value, but got {self.min_value} > {self.max_value}")
        return self


class Distortions(Settings):
    """What happens to each training image, anew at every step, in the order of these fields."""

    flip_left_right: FlipLeftRight | None = None
    flip_up_down: FlipUpDown | None = None
    rotate_choice: RotateChoice | None = None
    rotate: Rotate | None = None
    brightness: Brightness | None = None
    saturation: Saturation | None = None


class DataConfig(Settings):
    """Which images are held out, and how the others are distorted."""

    eval_size: Count = 20
    """Number of labelled images held out for evaluation; not used with `folds` > 1."""
    random_seed: Seed = 0
    """Decides which images are held out."""
    distortions: Distortions = Distortions()
    folds: Annotated[int, Field(ge=1, le=1000)] = 1
    """K of K-fold cross-validation; 1 is a single split of `eval_size`."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often the split is made again with another seed."""
    reshuffle: bool = False
    """Gives every variant another split."""


class ConvLayer(Settings):
    """Dropout on the input, convolution, batch normalisation, max-pooling, ReLU."""

    num_filters: Width
    kernel_size: Annotated[int, Field(ge=1, le=1024)]
    padding: Literal["same", "valid"] = "same"
    dropout_rate: Fraction = 0.0
    l2_regularization: NotNegative = 0.0
    pool_size: Annotated[int, Field(ge=1, le=1024)] = 2
    """Width and stride of the max-pooling; 1 is none. A remainder at the edge is dropped."""
    batch_norm: bool = False


class DenseLayer(Settings):
    """Dropout on the input, a fully connected layer, ReLU."""

    num_units: Width
    dropout_rate: Fraction = 0.0
    l2_regularization: NotNegative = 0.0


class LogitsLayer(Settings):
    """Dropout on the input, one output a neuron, ReLU."""

    dropout_rate: Fraction = 0.0
    l2_regularization: NotNegative = 0.0


class ModelConfig(Settings):
    """The network's layers, from image to responses."""

    image_size: Annotated[int, Field(ge=1, le=4096)] = 48
    """The centre of each image is cropped to this width and height, in pixels."""
    num_classes: Width | None = None
    """Number of neurons; null takes it from the data."""
    conv_layers: Annotated[tuple[ConvLayer, ...], Field(strict=False, max_length=100)] = ()
    dense_layers: Annotated[tuple[DenseLayer, ...], Field(strict=False, max_length=100)] = ()
    logits_layer: LogitsLayer = LogitsLayer()


class TrainingConfig(Settings):
    """How the network is trained, and when that ends."""

    eval_steps: Count = 50
    """Training steps between two evaluations."""
    early_stopping_evals: Count = 5
    """Training ends once this many evaluations in a row have not improved the best RMSE."""
    max_steps: Count = 1000
    batch_size: Count | None = None
    """Images a step; null is all of them."""
    learning_rate: Positive = 0.001
    """Adam's."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto computes products in bfloat16 where the hardware has it and multiplies it faster."""
    keep_checkpoint_max: Count = 3
    export_best_models: bool = True
    exports_to_keep: Count = 3


class Config(Settings):
    """Everything that makes one network: a variant is one of these."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_shapes(self.model)
        sizes = self.training.batch_size
        if sizes == 1 and any(layer.batch_norm for layer in self.model.conv_layers):
            raise ConfigError(("training", "batch_size"), "must be at least 2 with batch_norm, but got 1")
        return self


def check_shapes(model: ModelConfig) -> None:
    """Nothing happens if an image can pass through the layers.

    Raises:
        ConfigError: a kernel or a pooling window is larger than its input.
    """
    size = model.image_size
    for index, layer in enumerate(model.conv_layers):
        path = ("model", "conv_layers", index)
        if layer.kernel_size > size:
            raise ConfigError(
                (*path, "kernel_size"), f"must be at most {size}, the width of its input, but got {layer.kernel_size}"
            )
        size = conv_width(layer, size)
        if layer.pool_size > size:
            raise ConfigError(
                (*path, "pool_size"), f"must be at most {size}, the width of its input, but got {layer.pool_size}"
            )
        size //= layer.pool_size


def conv_width(layer: ConvLayer, size: int) -> int:
    """Width in pixels of a convolution's output, before its pooling."""
    return size if layer.padding == "same" else size - layer.kernel_size + 1


def load_config(path: str | Path) -> Config:
    """The config that a YAML file holds.

    Raises:
        InputError: with file, line, key, what was found, what is allowed, and the nearest known key.
    """
    document = read_document(path)
    if not isinstance(document.values, dict):
        raise InputError(f"{document.at(())}: a config is a mapping with the keys data, model and training")
    try:
        _refuse_null_distortions(document.values)
        return build(Config, document.values)
    except ConfigError as error:
        raise InputError(f"{document.at(error.path)}: {error}") from None


def _refuse_null_distortions(values: dict[str, Any]) -> None:
    """`rotate:` is null in YAML; taken as "off", it would do the opposite of what it looks like."""
    data = values.get("data")
    distortions = data.get("distortions") if isinstance(data, dict) else None
    for name, value in distortions.items() if isinstance(distortions, dict) else ():
        if value is None and name in Distortions.model_fields:
            found = f"must be a mapping of its arguments, such as `{name}: {{}}`, but got null"
            raise ConfigError(("data", "distortions", name), found)


def dump_config(config: Config) -> str:
    """YAML text that `load_config` reads as an equal config."""
    return yaml.safe_dump(plain(config), sort_keys=False)
