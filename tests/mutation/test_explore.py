import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.config import Config, ConvLayer, DataConfig, DenseLayer, Distortions, ModelConfig, Rotate, TrainingConfig
from tuner.errors import ConfigError
from tuner.mutation.explore import FACTORS, draw, explore, is_structural
from tuner.mutation.space import Grid, Range, Space, load_mutations

ROOT = Path(__file__).parents[2]
SEEDS = st.integers(0, 2**32)
CONV = ConvLayer(num_filters=8, kernel_size=5, dropout_rate=0.2)
BASE = Config(
    data=DataConfig(distortions=Distortions(rotate=Rotate(max_angle=20.0))),
    model=ModelConfig(image_size=32, conv_layers=(CONV, CONV), dense_layers=(DenseLayer(num_units=16),)),
    training=TrainingConfig(learning_rate=0.01, batch_size=32),
)
EVERYTHING = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-1, log: true}
  - batch_size: [1, 16, 32, null]
  - precision: [fp32, bf16]
change_conv_layer:
  - layer_id: [0, -1, 7]
    num_filters: {min: 2, max: 64}
  - layer_id: [1]
    dropout_rate: {min: 0.0, max: 0.9, step: 0.1}
    batch_norm: [true, false]
  - layer_id: [0]
    kernel_size: [1, 3, 5, 99]
    pool_size: [1, 2, 40]
change_dense_layer: [{layer_id: [0, 1], num_units: {min: 1, max: 100, step: 3}}]
change_logits_layer: [{dropout_rate: [0.0, 0.3, 1.0]}]
add_conv_layer: [{num_filters: [2], kernel_size: [3], layer_id: [0, 1, null]}]
add_dense_layer: [{num_units: {min: 2, max: 9}}]
delete_conv_layer: [{layer_id: [0, 1, 2]}]
delete_dense_layer: [{layer_id: [-1, "a"]}]
set_distortion:
  - name: [rotate]
    max_angle: {min: 5, max: 45}
  - name: [saturation, nothing, model_config]
    min_value: [0, 1]
    max_value: [0.5]
delete_distortion: [{name: [rotate, brightness]}]
change_model: [{image_size: [16, 32, 4]}]
change_data: [{folds: [2], distortions: [1]}]
own_steps.raises: [{}]
own_steps.plain: [{}]
own_steps.nests: [{}]
own_steps.doubles: [{factor: [2, 3]}]
"""
OWN = """
def raises(config):
    raise ValueError("never")

def plain(config):
    return {}

def nests(config):
    return nests(config)

def doubles(config, factor):
    return config.model_copy(update={"training": config.training.model_copy(update={"max_steps": 100 * factor})})
"""


@pytest.fixture(scope="module", autouse=True)
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module `own_steps` in the current folder."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_steps.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        yield
    sys.modules.pop("own_steps", None)


@pytest.fixture(scope="module")
def space(own: None) -> Space:
    Path("mutations.yaml").write_text(EVERYTHING)
    return load_mutations("mutations.yaml")


def one(function: str, **arguments: tuple[object, ...] | Range) -> Space:
    return (Grid(function, tuple(sorted(arguments.items())), "m.yaml:1"),)  # type: ignore[arg-type]


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def walk(space: Space, seed: int, steps: int = 4) -> Iterator[tuple[Config, Config, list[object]]]:
    """Configs before and after some steps, and their mutations."""
    config, generator = BASE, rng(seed)
    for _ in range(steps):
        found, mutations = explore(config, space, generator)
        yield config, found, list(mutations)
        config = found


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_step_is_exactly_the_mutation_that_is_told(space: Space, seed: int) -> None:
    for before, after, mutations in walk(space, seed):
        (mutation,) = mutations
        assert mutation.apply(before) == after != before  # type: ignore[attr-defined]


def global_generators() -> tuple[object, ...]:
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_seed_decides_a_step_and_no_global_generator_is_touched(space: Space, seed: int) -> None:
    before = global_generators()
    assert explore(BASE, space, rng(seed)) == explore(BASE, space, rng(seed))
    assert global_generators() == before


def test_seeds_lead_to_different_configs(space: Space) -> None:
    assert len({explore(BASE, space, rng(seed))[0] for seed in range(40)}) > 20


def values(space: Space, name: str, count: int = 2000) -> list[object]:
    """What a step makes of a setting."""
    return [dict(draw(BASE, space[0], rng(seed)).arguments)[name] for seed in range(count)]


def test_a_setting_in_a_list_goes_to_a_neighbour_or_seldom_anywhere() -> None:
    found = values(one("change_training", batch_size=(4, 8, 16, 32, 64, 128)), "batch_size")
    share = {value: found.count(value) / len(found) for value in (4, 8, 16, 32, 64, 128)}
    # 3/4 to the neighbours of 32, the rest to any of six; within 4 standard errors of 2000
    assert share[16] == pytest.approx(0.375 + 0.25 / 6, abs=0.045)
    assert share[64] == pytest.approx(0.375 + 0.25 / 6, abs=0.045)
    assert all(share[value] == pytest.approx(0.25 / 6, abs=0.018) for value in (4, 8, 32, 128))


def test_at_the_end_of_a_list_there_is_one_neighbour() -> None:
    found = values(one("change_training", batch_size=(32, 64, 128)), "batch_size")
    assert found.count(128) / len(found) == pytest.approx(0.25 / 3, abs=0.025)
    assert found.count(64) / len(found) == pytest.approx(0.375 + 0.25 / 3, abs=0.045)


def test_a_number_in_a_range_is_multiplied_by_a_factor() -> None:
    found = values(one("change_training", learning_rate=Range(1e-4, 0.1, log=True)), "learning_rate")
    stepped = [value for value in found if value in [0.01 * factor for factor in FACTORS]]
    assert set(stepped) == {0.008, 0.0125}
    assert len(stepped) / len(found) == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(
    ("choices", "allowed"),
    [
        (Range(0.009, 0.011), {0.009, 0.011}),
        (Range(0.5, 0.9), {0.5}),
        (Range(1e-5, 1e-3), {1e-3}),
        (Range(0.001, 0.1, step=0.003), {0.007, 0.013}),
    ],
)
def test_a_step_ends_at_the_bounds_and_on_the_grid(choices: Range, allowed: set[float]) -> None:
    found = values(one("change_training", learning_rate=choices), "learning_rate")
    counts = {value: found.count(value) for value in found}
    assert allowed <= {value for value, count in counts.items() if count > 0.3 * len(found)}
    assert all(choices.min <= float(value) <= choices.max for value in found)  # type: ignore[arg-type]
    if choices.step is not None:
        places = [(float(value) - choices.min) / choices.step for value in found]  # type: ignore[arg-type]
        assert places == pytest.approx([round(place) for place in places])


@given(now=st.integers(1, 40), low=st.integers(1, 10), width=st.integers(1, 30), step=st.sampled_from([None, 1, 4]))
@settings(max_examples=200, deadline=None)
def test_a_whole_number_moves_by_at_least_one_and_stays_whole(now: int, low: int, width: int, step: int | None) -> None:
    config = Config(training=TrainingConfig(batch_size=now))
    choices = Range(low, low + width, step=step)
    for seed in range(8):
        value = dict(draw(config, one("change_training", batch_size=choices)[0], rng(seed)).arguments)["batch_size"]
        assert type(value) is int
        assert low <= value <= low + width
        assert step is None or (value - low) % step == 0 or value == low + width


def test_a_whole_number_never_stays_where_it_is_inside_its_range() -> None:
    found = values(one("change_training", batch_size=Range(31, 33)), "batch_size")
    assert found.count(32) / len(found) == pytest.approx(0.25 / 3, abs=0.025)  # drawn anew
    config = Config(training=TrainingConfig(batch_size=2))
    assert {
        explore(config, one("change_training", batch_size=Range(1, 3)), rng(seed))[0].training.batch_size
        for seed in range(50)
    } == {1, 3}


def test_negative_layers_are_stepped_from_where_they_are() -> None:
    space = one("change_conv_layer", layer_id=(-1,), num_filters=Range(2, 64))
    found = values(space, "num_filters")
    assert (found.count(6) + found.count(10)) / len(found) == pytest.approx(0.75, abs=0.05)


def test_mutations_that_change_shapes_are_told_from_others(space: Space) -> None:
    structural = {grid.where.rpartition(":")[0] and grid.function for grid in space if is_structural(grid)}
    assert structural >= {"add_conv_layer", "add_dense_layer", "delete_conv_layer", "change_model", "own_steps.raises"}
    assert not structural & {"change_training", "change_logits_layer", "set_distortion", "delete_distortion"}


@pytest.mark.parametrize(("structural", "kinds"), [(0.0, {False}), (1.0, {True}), (0.5, {False, True})])
def test_the_kind_of_mutation_is_as_likely_as_was_asked_for(space: Space, structural: float, kinds: set[bool]) -> None:
    found = set()
    for seed in range(60):
        _, (mutation,) = explore(BASE, space, rng(seed), structural=structural)
        found.add(is_structural(Grid(mutation.function, tuple((name, ()) for name, _ in mutation.arguments), "")))
    assert found == kinds


@pytest.mark.parametrize("structural", [0.0, 1.0])
def test_a_file_of_one_kind_is_always_of_that_one(structural: float) -> None:
    for space in (one("add_dense_layer", num_units=(3, 4)), one("change_training", learning_rate=(0.1, 0.2))):
        assert all(len(explore(BASE, space, rng(seed), structural=structural)[1]) == 1 for seed in range(20))


def test_where_no_mutation_leads_anywhere_the_config_stays_as_it_is() -> None:
    nowhere = (
        *one("delete_conv_layer", layer_id=(5,)),
        *one("change_training", learning_rate=(0.01,)),
        *one("own_steps.raises"),
        *one("own_missing.f"),
    )
    for space in ((), nowhere):
        assert explore(BASE, space, rng(0)) == (BASE, [])


def test_what_does_not_fit_is_drawn_again(space: Space) -> None:
    def fits(config: Config) -> Config:
        if len(config.model.dense_layers) < 2:
            raise ConfigError(("model",), "is too shallow")
        return config

    for seed in range(20):
        found, mutations = explore(BASE, space, rng(seed), structural=1.0, fits=fits)
        assert (found == BASE) == (mutations == [])
        assert found == BASE or len(found.model.dense_layers) == 2


def test_the_mutations_that_come_with_the_code_can_be_stepped() -> None:
    for file in sorted((ROOT / "mutations").glob("*.yaml")):
        assert len(explore(BASE, load_mutations(file), rng(1))[1]) == 1
