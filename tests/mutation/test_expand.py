import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import ParameterGrid

from tuner.config import Config, ConvLayer, DenseLayer, ModelConfig, TrainingConfig, load_config
from tuner.errors import InputError
from tuner.mutation.expand import MAX_VARIANTS, expand, expansion, grid_mutations
from tuner.mutation.space import Grid, Range, Space, load_mutations

ROOT = Path(__file__).parents[2]
CONV = ConvLayer(num_filters=8, kernel_size=5)
BASE = Config(model=ModelConfig(image_size=64, conv_layers=(CONV, CONV, CONV), dense_layers=(DenseLayer(num_units=4),)))


def mutations(folder: Path, text: str) -> Space:
    path = folder / "mutations.yaml"
    path.write_text(text)
    return load_mutations(path)


def test_the_example_gives_the_control_and_its_seven_mutations() -> None:
    found = expand(BASE, load_mutations(ROOT / "mutations" / "example.yaml"))
    assert [(variant.name, variant.config.model.conv_layers) for variant in found] == [
        ("base", (CONV, CONV, CONV)),
        *(
            (
                f"add_conv_layer-kernel_size={size}-num_filters={filters}",
                (CONV, CONV, CONV, ConvLayer(num_filters=filters, kernel_size=size)),
            )
            for size, filters in ((3, 128), (3, 256), (5, 128), (5, 256), (7, 196))
        ),
        *(
            (
                f"change_conv_layer-kernel_size={size}-layer_id=2",
                (CONV, CONV, ConvLayer(num_filters=8, kernel_size=size)),
            )
            for size in (3, 7)
        ),
    ]


@pytest.mark.parametrize("name", ["default.yaml", "v4.yaml"])
def test_the_mutations_that_come_along_fit_the_base_configs_that_come_along(name: str) -> None:
    base = load_config(ROOT / "base_configs" / name)
    found = expansion(base, load_mutations(ROOT / "mutations" / "default.yaml"))
    assert [variant.name for variant in found.variants] == [
        "base",
        "add_conv_layer-kernel_size=3-layer_id=2-num_filters=32-pool_size=1",
        "change_conv_layer-kernel_size=3-layer_id=0",
        "change_logits_layer-dropout_rate=0.6",
        "set_distortion-max_angle=10-name=rotate",
        "change_training-learning_rate=0.003",
    ]
    assert (found.repeated, found.impossible) == ((), ())


@pytest.mark.parametrize(("config", "mutations", "count"), [("v4", "default", 6), ("final-model", "example", 8)])
def test_the_other_configs_that_come_along_take_their_mutations(config: str, mutations: str, count: int) -> None:
    base = load_config(ROOT / "base_configs" / f"{config}.yaml")
    found = expansion(base, load_mutations(ROOT / "mutations" / f"{mutations}.yaml"))
    assert len(found.variants) == count
    assert (found.repeated, found.impossible) == ((), ())


grids = st.dictionaries(
    st.sampled_from(["eval_steps", "max_steps", "batch_size", "keep_checkpoint_max"]),
    st.lists(st.integers(2, 9), min_size=1, max_size=3, unique=True),
    max_size=2,
)
spaces = st.lists(
    grids.map(
        lambda grid: Grid("change_training", tuple((name, tuple(grid[name])) for name in sorted(grid)), "file:1")
    ),
    max_size=3,
).map(tuple)


@settings(deadline=None)
@given(grids)
def test_a_grid_is_scikit_learns(grid: dict[str, list[int]]) -> None:
    space = (Grid("change_training", tuple((name, tuple(grid[name])) for name in sorted(grid)), "file:1"),)
    assert [dict(mutation.arguments) for mutation in grid_mutations(space)] == list(ParameterGrid(grid))


@settings(deadline=None, max_examples=30)
@given(spaces, st.integers(1, 2))
def test_every_config_is_listed_once_under_a_name_of_its_own_and_the_control_first(space: Space, depth: int) -> None:
    found = expansion(BASE, space, depth=depth)
    assert found.variants[0].name == "base"
    assert (found.variants[0].config, found.variants[0].mutations) == (BASE, ())
    assert len({variant.config for variant in found.variants}) == len(found.variants)
    assert len({variant.name for variant in found.variants}) == len(found.variants)
    assert {first for _, first in found.repeated} <= {variant.name for variant in found.variants}


@settings(deadline=None, max_examples=30)
@given(spaces, st.integers(1, 2))
def test_a_variant_is_what_its_mutations_lead_to(space: Space, depth: int) -> None:
    for variant in expand(BASE, space, depth=depth):
        config = BASE
        for mutation in variant.mutations:
            config = mutation.apply(config)
        assert config == variant.config
        assert len(variant.mutations) <= depth


@settings(deadline=None, max_examples=15)
@given(spaces, st.integers(1, 2))
def test_expansion_is_deterministic(space: Space, depth: int) -> None:
    assert expansion(BASE, space, depth=depth) == expansion(BASE, space, depth=depth)


@settings(deadline=None, max_examples=30)
@given(spaces)
def test_no_mutation_is_lost(space: Space) -> None:
    found = expansion(BASE, space)
    listed = [variant.name for variant in found.variants[1:]] + [name for name, _ in found.repeated]
    assert sorted(listed) == sorted(mutation.name for mutation in grid_mutations(space))


def test_a_second_way_to_a_config_is_no_second_variant(tmp_path: Path) -> None:
    space = mutations(
        tmp_path,
        "change_training:\n  - max_steps: [7]\n  - max_steps: [7, 1000]\n  - max_steps: [7]\n    eval_steps: [50]",
    )
    found = expansion(BASE, space)
    assert [variant.name for variant in found.variants] == ["base", "change_training-max_steps=7"]
    assert found.repeated == (
        ("change_training-max_steps=7", "change_training-max_steps=7"),
        ("change_training-max_steps=1000", "base"),
        ("change_training-eval_steps=50-max_steps=7", "change_training-max_steps=7"),
    )


def test_with_depth_mutations_follow_one_another(tmp_path: Path) -> None:
    space = mutations(tmp_path, "change_training:\n  - max_steps: [7, 8]\nadd_dense_layer:\n  - num_units: [2]")
    names = [variant.name for variant in expand(BASE, space, depth=2)]
    seven, eight, dense = (
        "change_training-max_steps=7",
        "change_training-max_steps=8",
        "add_dense_layer-num_units=2",
    )
    assert names == ["base", seven, eight, dense, f"{seven}__{dense}", f"{eight}__{dense}", f"{dense}__{dense}"]


def test_depth_ends_where_nothing_new_is_found(tmp_path: Path) -> None:
    space = mutations(tmp_path, "change_training:\n  - max_steps: [7, 8]")
    assert expand(BASE, space, depth=10**9) == expand(BASE, space, depth=1)


def test_a_mutation_that_no_config_allows_is_named_with_its_line(tmp_path: Path) -> None:
    space = mutations(
        tmp_path,
        "change_training:\n  - max_steps: [7]\n\nchange_conv_layer:\n  - layer_id: [2, 3]\n    kernel_size: [3]",
    )
    problem = (
        f"{tmp_path}/mutations.yaml:5: change_conv_layer-kernel_size=3-layer_id=3 cannot be applied to base: "
        "model.conv_layers has no layer 3 (allowed: -3 to 2)"
    )
    for depth in (1, 2):
        with pytest.raises(InputError, match=f"^{re.escape(problem)}$"):
            expand(BASE, space, depth=depth)


def test_a_mutation_may_lean_on_an_earlier_one(tmp_path: Path) -> None:
    text = "add_dense_layer:\n  - num_units: [2]\ndelete_dense_layer:\n  - layer_id: [1]"
    with pytest.raises(InputError, match=r"yaml:4: delete_dense_layer-layer_id=1 cannot be applied to base: "):
        expand(BASE, mutations(tmp_path, text), depth=1)
    found = expansion(BASE, mutations(tmp_path, text), depth=2)
    assert [variant.name for variant in found.variants] == [
        "base",
        "add_dense_layer-num_units=2",
        "add_dense_layer-num_units=2__add_dense_layer-num_units=2",
    ]
    assert found.repeated == (("add_dense_layer-num_units=2__delete_dense_layer-layer_id=1", "base"),)
    assert found.impossible == (
        (
            f"{tmp_path}/mutations.yaml:4: delete_dense_layer-layer_id=1 cannot be applied to base: "
            "model.dense_layers has no layer 1 (allowed: -1 to 0)"
        ),
    )


@pytest.mark.parametrize(("good", "bad"), [("30", "30.0"), ("1", "true")])
def test_a_wrong_value_is_an_error_beside_an_equal_one_that_is_right(tmp_path: Path, good: str, bad: str) -> None:
    space = mutations(tmp_path, f"change_training:\n  - max_steps: [{good}, {bad}]")
    with pytest.raises(InputError, match=rf"max_steps={bad} cannot be applied to base: .* integer, but got {bad}$"):
        expand(BASE, space)


def test_a_grid_search_refuses_a_range(tmp_path: Path) -> None:
    space = mutations(
        tmp_path, "change_training:\n  - max_steps: [7]\n  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}"
    )
    problem = "yaml:3: change_training: learning_rate is a range, and a grid search needs a list of values$"
    with pytest.raises(InputError, match=problem):
        expand(BASE, space)


@pytest.mark.parametrize("lists", [2, 40])
def test_a_grid_with_too_many_combinations_is_refused_before_they_are_made(lists: int) -> None:
    arguments = tuple((f"argument_{number:02d}", tuple(range(MAX_VARIANTS // 100))) for number in range(lists))
    with pytest.raises(InputError, match=f"the mutations file makes {MAX_VARIANTS} mutations or more; use smaller"):
        expand(BASE, (Grid("change_training", arguments, "file:1"),))


def test_a_depth_with_too_many_variants_is_refused() -> None:
    space = tuple(
        Grid("change_training", ((name, tuple(range(2, 32))),), "file:1")
        for name in ("eval_steps", "max_steps", "batch_size", "exports_to_keep")
    )
    assert math.comb(4, 3) * 30**3 > MAX_VARIANTS
    with pytest.raises(InputError, match=f"make more than {MAX_VARIANTS} variants; use a smaller --depth"):
        expand(BASE, space, depth=3)


def test_sequences_that_lead_nowhere_new_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    space = (Grid("change_training", (("max_steps", tuple(range(2, 32))),), "file:1"),)
    monkeypatch.setattr("tuner.mutation.expand.MAX_SEQUENCES", 900)
    with pytest.raises(InputError, match="make more than 900 sequences; use a smaller --depth"):
        expand(BASE, space, depth=2)


def test_two_different_variants_never_share_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kinds_of_steps.py").write_text(
        "from tuner.config import TrainingConfig\n"
        "from tuner.settings import replaced\n"
        "def f(config, x):\n"
        "    return replaced(config, {'training': TrainingConfig(max_steps=7 if x == '1' else 8)})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    space = mutations(tmp_path, "kinds_of_steps.f:\n  - x: [1, '1']")
    with pytest.raises(InputError, match=r"yaml:2: two different variants are named kinds_of_steps.f-x=1; remove one"):
        expand(BASE, space)


def test_without_mutations_there_is_the_control() -> None:
    assert [variant.name for variant in expand(BASE, ())] == ["base"]


def test_a_range_and_a_list_are_told_apart() -> None:
    space = (Grid("change_training", (("max_steps", Range(1, 2)),), "file:9"),)
    with pytest.raises(InputError, match=r"^file:9: change_training: max_steps is a range"):
        list(grid_mutations(space))
    assert expand(BASE, (Grid("change_training", (("max_steps", (1, 2)),), "file:9"),))[1].config == Config(
        model=BASE.model, training=TrainingConfig(max_steps=1)
    )
