"""One random step from a config to a neighbour, by the mutations file."""

import math
from collections.abc import Callable

import numpy as np

from tuner.config import Config
from tuner.errors import ConfigError, InputError
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.mutation import Mutation, Value
from tuner.mutation.sample import draw_value
from tuner.mutation.space import Grid, Range, Space
from tuner.settings import Settings

RESAMPLED = 0.25
"""How often a setting is drawn anew, rather than stepped: as in Jaderberg et al. (2017)."""
FACTORS = (0.8, 1.25)
"""Of a number in a range."""
ATTEMPTS = 20
PLACES = ("layer_id", "name")
"""Arguments that say what is changed, not how."""
SHAPES = ("num_filters", "num_units", "kernel_size", "padding", "pool_size", "batch_norm", "image_size")


def explore(
    config: Config,
    space: Space,
    rng: np.random.Generator,
    *,
    structural: float = 0.5,
    fits: Callable[[Config], Config] = lambda config: config,
) -> tuple[Config, list[Mutation]]:
    """A config that differs from `config` by one mutation of the file, and that mutation.

    Settings that the config has already are stepped: to a neighbour in a list, by a factor in a range, clipped.

    Args:
        config: Where the step begins.
        space: The mutations file.
        rng: Decides everything random.
        structural: How likely the mutation is one that changes the shapes of the network's weights; if the file has
            only one of the two kinds, it is of that one.
        fits: Returns a config that may be trained; raises `ConfigError` for one that may not.

    Returns:
        The same config and no mutation, if none leads anywhere else.
    """
    kinds = [grid for grid in space if is_structural(grid)], [grid for grid in space if not is_structural(grid)]
    first, second = kinds if rng.random() < structural else kinds[::-1]
    for grids in (first, second):
        for _ in range(ATTEMPTS if grids else 0):
            mutation = draw(config, grids[rng.integers(len(grids))], rng)
            try:
                found = fits(mutation.apply(config))
            except (ConfigError, InputError):
                continue  # impossible here; a user's own function may raise anything, too
            if found != config:
                return found, [mutation]
    return config, []


def is_structural(grid: Grid) -> bool:
    """Whether a mutation may change the shapes of a network's weights; a user's own may do anything."""
    names = {name for name, _ in grid.arguments}
    changes_layers = grid.function.startswith(("add_", "delete_")) and grid.function.endswith("_layer")
    return grid.function not in FUNCTIONS or changes_layers or bool(names & set(SHAPES))


def draw(config: Config, grid: Grid, rng: np.random.Generator) -> Mutation:
    """One of a grid's mutations, near what the config has now."""
    chosen: dict[str, Value] = {}
    for name in sorted((name for name, _ in grid.arguments), key=lambda name: name not in PLACES):
        choices = dict(grid.arguments)[name]
        now = getattr(_target(config, grid.function, chosen), name, None) if name not in PLACES else None
        chosen[name] = _from_range(choices, now, rng) if isinstance(choices, Range) else _from_list(choices, now, rng)
    return Mutation(grid.function, tuple(sorted(chosen.items())), grid.where)


def _target(config: Config, function: str, chosen: dict[str, Value]) -> Settings | None:
    """The settings that a function changes, as they are; None if it makes new ones."""
    layer, name = chosen.get("layer_id"), str(chosen.get("name"))
    layers = {"change_conv_layer": config.model.conv_layers, "change_dense_layer": config.model.dense_layers}
    if function in layers and isinstance(layer, int):
        kind = layers[function]
        return kind[layer] if -len(kind) <= layer < len(kind) else None
    groups = {
        "change_logits_layer": config.model.logits_layer,
        "change_model": config.model,
        "change_training": config.training,
        "change_data": config.data,
        "set_distortion": getattr(config.data.distortions, name, None),
    }
    return groups.get(function)


def _from_list(values: tuple[Value, ...], now: object, rng: np.random.Generator) -> Value:
    if now not in values or rng.random() < RESAMPLED:
        return values[rng.integers(len(values))]
    place = values.index(now) + (1 if rng.random() < 0.5 else -1)
    return values[min(max(place, 0), len(values) - 1)]


def _from_range(values: Range, now: object, rng: np.random.Generator) -> Value:
    if isinstance(now, bool) or not isinstance(now, int | float) or now <= 0 or rng.random() < RESAMPLED:
        return draw_value(values, rng)
    factor, least = FACTORS[int(rng.integers(2))], values.step or (1 if values.whole else 0.0)
    found = now + math.copysign(max(abs(now * factor - now), least), factor - 1)
    if values.step is not None:
        found = values.min + round((found - values.min) / values.step) * values.step
    found = min(max(found, values.min), values.max)
    return values.neat(round(found) if values.whole else found)
