"""The mutation functions: each takes a config and returns another. Nothing is changed in place.

`layer_id` counts from 0, negative from the end. The other arguments are the config's own keys; a key that a new layer
is not given has the default it has in a config file.
"""

from collections.abc import Callable
from typing import Any, Literal

from tuner.config import Config, ConvLayer, DenseLayer, Distortions
from tuner.document import brief, nearest
from tuner.errors import ConfigError
from tuner.errors import Path as KeyPath
from tuner.settings import Settings, build, replaced

Layers = Literal["conv_layers", "dense_layers"]
LAYER_KINDS: dict[Layers, type[ConvLayer] | type[DenseLayer]] = {"conv_layers": ConvLayer, "dense_layers": DenseLayer}


def add_conv_layer(config: Config, layer_id: int | None = None, **settings: Any) -> Config:
    """A convolutional layer more: the last, or the one that has the index `layer_id` afterwards."""
    return _add(config, "conv_layers", layer_id, settings)


def change_conv_layer(config: Config, layer_id: int, **settings: Any) -> Config:
    """Other settings for one convolutional layer."""
    return _change(config, "conv_layers", layer_id, settings)


def delete_conv_layer(config: Config, layer_id: int) -> Config:
    """A convolutional layer less."""
    return _delete(config, "conv_layers", layer_id)


def add_dense_layer(config: Config, layer_id: int | None = None, **settings: Any) -> Config:
    """A dense layer more: the last, or the one that has the index `layer_id` afterwards."""
    return _add(config, "dense_layers", layer_id, settings)


def change_dense_layer(config: Config, layer_id: int, **settings: Any) -> Config:
    """Other settings for one dense layer."""
    return _change(config, "dense_layers", layer_id, settings)


def delete_dense_layer(config: Config, layer_id: int) -> Config:
    """A dense layer less."""
    return _delete(config, "dense_layers", layer_id)


def change_logits_layer(config: Config, **settings: Any) -> Config:
    """Other settings for the output layer."""
    layer = replaced(config.model.logits_layer, settings, ("model", "logits_layer"))
    return _with(config, "model", {"logits_layer": layer})


def set_distortion(config: Config, name: str, **settings: Any) -> Config:
    """The named distortion with exactly these arguments, whether it was there before or not."""
    _known_distortion(name)
    distortions = replaced(config.data.distortions, {name: settings}, ("data", "distortions"))
    return _with(config, "data", {"distortions": distortions})


def delete_distortion(config: Config, name: str) -> Config:
    """A distortion less."""
    _known_distortion(name)
    if getattr(config.data.distortions, name) is None:
        raise ConfigError(("data", "distortions", name), "is not in the config, so it cannot be deleted")
    distortions = replaced(config.data.distortions, {name: None}, ("data", "distortions"))
    return _with(config, "data", {"distortions": distortions})


def change_model(config: Config, **settings: Any) -> Config:
    """Other settings of the model that are not a layer's."""
    _refuse(
        settings,
        ("model",),
        {
            "conv_layers": "change_conv_layer",
            "dense_layers": "change_dense_layer",
            "logits_layer": "change_logits_layer",
        },
    )
    return _with(config, "model", settings)


def change_training(config: Config, **settings: Any) -> Config:
    """Other training settings."""
    return _with(config, "training", settings)


def change_data(config: Config, **settings: Any) -> Config:
    """Other data settings that are not a distortion's."""
    _refuse(settings, ("data",), {"distortions": "set_distortion"})
    return _with(config, "data", settings)


FUNCTIONS: dict[str, Callable[..., Config]] = {
    "add_conv_layer": add_conv_layer,
    "change_conv_layer": change_conv_layer,
    "delete_conv_layer": delete_conv_layer,
    "add_dense_layer": add_dense_layer,
    "change_dense_layer": change_dense_layer,
    "delete_dense_layer": delete_dense_layer,
    "change_logits_layer": change_logits_layer,
    "set_distortion": set_distortion,
    "delete_distortion": delete_distortion,
    "change_model": change_model,
    "change_training": change_training,
    "change_data": change_data,
}


def _add(config: Config, kind: Layers, layer_id: int | None, settings: dict[str, Any]) -> Config:
    layers = list(getattr(config.model, kind))
    position = len(layers) if layer_id is None else _index(layer_id, len(layers) + 1, kind)
    layers.insert(position, build(LAYER_KINDS[kind], settings, ("model", kind, position)))
    return _with(config, "model", {kind: tuple(layers)})


def _change(config: Config, kind: Layers, layer_id: int, settings: dict[str, Any]) -> Config:
    layers = list(getattr(config.model, kind))
    position = _index(layer_id, len(layers), kind)
    layers[position] = replaced(layers[position], settings, ("model", kind, position))
    return _with(config, "model", {kind: tuple(layers)})


def _delete(config: Config, kind: Layers, layer_id: int) -> Config:
    layers = list(getattr(config.model, kind))
    del layers[_index(layer_id, len(layers), kind)]
    return _with(config, "model", {kind: tuple(layers)})


def _index(layer_id: int, count: int, kind: Layers) -> int:
    path: KeyPath = ("model", kind)
    if isinstance(layer_id, bool) or not isinstance(layer_id, int):
        raise ConfigError(path, f"are counted by a whole number, but got the layer_id {brief(layer_id)}")
    if not -count <= layer_id < count:
        allowed = f"allowed: {-count} to {count - 1}" if count else "there are none"
        raise ConfigError(path, f"has no layer {layer_id} ({allowed})")
    return layer_id % count


def _with(config: Config, section: Literal["data", "model", "training"], changes: dict[str, Any]) -> Config:
    part: Settings = replaced(getattr(config, section), changes, (section,))
    return replaced(config, {section: part})


def _known_distortion(name: str) -> None:
    if name not in Distortions.model_fields:
        raise ConfigError(
            ("data", "distortions", str(name)),
            f"is not a distortion; {nearest(str(name), list(Distortions.model_fields))}",
        )


def _refuse(settings: dict[str, Any], at: KeyPath, elsewhere: dict[str, str]) -> None:
    for name in settings:
        if name in elsewhere:
            raise ConfigError((*at, name), f"is changed by the mutation function {elsewhere[name]}")
