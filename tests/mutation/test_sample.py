import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tuner.config import Config, ConvLayer, DenseLayer, ModelConfig, load_config
from tuner.errors import InputError
from tuner.mutation.sample import draw_value, sampled
from tuner.mutation.space import Range, Space, load_mutations

ROOT = Path(__file__).parents[2]
CONV = ConvLayer(num_filters=8, kernel_size=5)
BASE = Config(model=ModelConfig(image_size=64, conv_layers=(CONV,), dense_layers=(DenseLayer(num_units=4),)))
RATES = "change_training:\n  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}\n"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mutations(folder: Path, text: str) -> Space:
    path = folder / "mutations.yaml"
    path.write_text(text)
    return load_mutations(path)


def drawn(choices: Range, count: int = 2000) -> list[float]:
    generator = rng()
    return [float(draw_value(choices, generator)) for _ in range(count)]  # type: ignore[arg-type]


def test_a_sample_has_the_control_and_as_many_different_configs_as_were_asked_for(tmp_path: Path) -> None:
    space = mutations(tmp_path, RATES + "add_dense_layer:\n  - num_units: {min: 4, max: 64}\n")
    found = sampled(BASE, space, rng(), samples=30, depth=3).variants
    assert (found[0].name, found[0].config) == ("base", BASE)
    assert len(found) == len({variant.config for variant in found}) == len({variant.name for variant in found}) == 31
    assert Counter(len(variant.mutations) for variant in found[1:]).keys() == {1, 2, 3}


def test_a_seed_decides_the_sample_and_a_larger_one_begins_with_a_smaller_one(tmp_path: Path) -> None:
    space = mutations(tmp_path, RATES)
    assert sampled(BASE, space, rng(1), samples=5) == sampled(BASE, space, rng(1), samples=5)
    assert sampled(BASE, space, rng(1), samples=9).variants[:6] == sampled(BASE, space, rng(1), samples=5).variants
    assert sampled(BASE, space, rng(1), samples=5) != sampled(BASE, space, rng(2), samples=5)


def test_an_exhausted_space_gives_what_it_has(tmp_path: Path) -> None:
    space = mutations(tmp_path, "add_dense_layer:\n  - num_units: [2, 4, 4]\n")
    names = {variant.name for variant in sampled(BASE, space, rng(), samples=50).variants}
    assert names == {"base", "add_dense_layer-num_units=2", "add_dense_layer-num_units=4"}
    assert len(sampled(BASE, (), rng(), samples=5).variants) == 1


def test_a_mutation_that_can_be_applied_nowhere_is_named(tmp_path: Path) -> None:
    space = mutations(tmp_path, RATES + "delete_conv_layer:\n  - layer_id: [5]\n")
    with pytest.raises(InputError, match=r"mutations.yaml:4: delete_conv_layer-layer_id=5 cannot be applied to base: "):
        sampled(BASE, space, rng(), samples=5)


def test_a_mutation_that_leans_on_an_earlier_one_is_no_error(tmp_path: Path) -> None:
    text = "add_conv_layer:\n  - {num_filters: [4], kernel_size: [3]}\ndelete_conv_layer:\n  - layer_id: [1]\n"
    space = mutations(tmp_path, text)
    names = [variant.name for variant in sampled(BASE, space, rng(), samples=1, depth=2).variants]
    assert len(names) == 2
    with pytest.raises(InputError, match="delete_conv_layer-layer_id=1 cannot be applied to base"):
        sampled(BASE, space, rng(), samples=1, depth=1)


@pytest.mark.parametrize("name", ["default.yaml", "v4.yaml"])
def test_the_files_that_come_along_can_be_sampled(name: str) -> None:
    space = load_mutations(ROOT / "mutations" / "default.yaml")
    assert len(sampled(load_config(ROOT / "base_configs" / name), space, rng(), samples=8, depth=3).variants) == 9


def test_whole_ranges_give_all_their_whole_numbers_alike() -> None:
    count = Counter(drawn(Range(2, 5)))
    assert count.keys() == {2, 3, 4, 5}
    assert min(count.values()) > 400
    assert isinstance(draw_value(Range(2, 5), rng()), int)
    assert set(drawn(Range(2, 9, step=3))) == {2, 5, 8}
    assert set(drawn(Range(1, 4, log=True))) == {1, 2, 3, 4}


def test_a_range_with_a_step_gives_its_multiples_and_its_maximum() -> None:
    assert set(drawn(Range(0.1, 0.5, step=0.1))) == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert set(drawn(Range(1000.5, 1001.5, step=0.25))) == {1000.5, 1000.75, 1001.0, 1001.25, 1001.5}


def test_a_logarithmic_range_has_as_much_in_each_decade() -> None:
    values = drawn(Range(1e-4, 1e-2, log=True))
    assert sum(value < 1e-3 for value in values) / len(values) == pytest.approx(0.5, abs=0.05)  # 4.5 standard errors


@pytest.mark.parametrize("choices", [Range(0.123456, 0.123459), Range(1e-7, 1.0, log=True), Range(-3.0, 7)])
def test_values_are_short_and_stay_in_the_range(choices: Range) -> None:
    for value in drawn(choices, 300):
        assert choices.min <= value <= choices.max
        if value not in (choices.min, choices.max):
            assert value == float(f"{value:.4g}")
    assert not any(math.isnan(value) for value in drawn(choices, 10))


def test_a_list_gives_its_values_as_they_are() -> None:
    generator = rng()
    assert {draw_value((None, (0, 90), "x", True), generator) for _ in range(100)} == {None, (0, 90), "x", True}


def test_a_depth_beyond_any_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--depth must be at most 100 for a search that draws sequences, but got 101"):
        sampled(BASE, mutations(tmp_path, RATES), rng(), samples=3, depth=101)
