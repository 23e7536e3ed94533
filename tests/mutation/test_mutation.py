import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.config import Config, ConvLayer, ModelConfig, TrainingConfig
from tuner.errors import ConfigError, InputError
from tuner.mutation.mutation import MAX_NAME, Mutation, find_function, sequence_name

OWN = """
import sys
from tuner.config import Config, ConvLayer, ModelConfig, TrainingConfig
from tuner.errors import ConfigError

NUMBER = 3

class Thing:
    pass

def longer(config, factor=2):
    return Config(training=TrainingConfig(max_steps=config.training.max_steps * factor))

def unchecked(config, size):
    return config.model_copy(update={"model": config.model.model_copy(update={"image_size": size})})

def listed(config):
    layers = [ConvLayer(num_filters=2, kernel_size=3)]
    return config.model_copy(update={"model": config.model.model_copy(update={"conv_layers": layers})})

def plain(config):
    return {"training": {}}

def fails(config):
    return 1 / 0

def leaves(config):
    sys.exit(0)

def refuses(config):
    raise ConfigError(("model", "image_size"), "is odd")
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module `own_mutations` in the current folder, and others that cannot be imported."""
    (tmp_path / "own_mutations.py").write_text(OWN)
    (tmp_path / "own_raises.py").write_text("raise RuntimeError('not today')")
    (tmp_path / "own_exits.py").write_text("import sys; sys.exit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("own_mutations", "own_raises", "own_exits"):
        sys.modules.pop(name, None)


def mutation(function: str, **arguments: int | str) -> Mutation:
    return Mutation(function, tuple(sorted(arguments.items())), "m.yaml:7")


def test_a_users_own_function_is_found_in_the_current_folder() -> None:
    assert mutation("own_mutations.longer").apply(Config()) == Config(training=TrainingConfig(max_steps=2000))
    assert mutation("own_mutations.longer", factor=3).apply(Config()) == Config(training=TrainingConfig(max_steps=3000))
    assert mutation("own_mutations.longer", factor=3).name == "own_mutations.longer-factor=3"


def test_what_a_users_own_function_returns_is_checked_as_a_file_is() -> None:
    assert mutation("own_mutations.unchecked", size=64).apply(Config()) == Config(model=ModelConfig(image_size=64))
    with pytest.raises(ConfigError, match=r"^model.image_size must be greater than or equal to 1, but got 0$"):
        mutation("own_mutations.unchecked", size=0).apply(Config())
    with pytest.raises(ConfigError, match=r"^model.image_size must be a valid integer, but got 'a'$"):
        mutation("own_mutations.unchecked", size="a").apply(Config())


def test_what_a_users_own_function_returns_can_be_listed_once() -> None:
    found = mutation("own_mutations.listed").apply(Config())
    expected = Config(model=ModelConfig(conv_layers=(ConvLayer(num_filters=2, kernel_size=3),)))
    assert len({found, expected}) == 1


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("own_mutations.plain", "own_mutations.plain must return a Config, but got dict"),
        ("own_mutations.fails", "own_mutations.fails raised ZeroDivisionError: division by zero"),
        ("own_mutations.leaves", "own_mutations.leaves raised SystemExit: 0"),
        (
            "own_mutations.missing",
            (
                "the mutation function own_mutations.missing cannot be imported: AttributeError: "
                "module 'own_mutations' has no attribute 'missing'"
            ),
        ),
        (
            "own_missing.f",
            (
                "the mutation function own_missing.f cannot be imported: ModuleNotFoundError: "
                "No module named 'own_missing'"
            ),
        ),
        ("own_raises.f", "the mutation function own_raises.f cannot be imported: RuntimeError: not today"),
        ("own_exits.f", "the mutation function own_exits.f cannot be imported: SystemExit: 0"),
        ("own_mutations.NUMBER", "own_mutations.NUMBER is a int; a mutation function is a plain Python function"),
        ("own_mutations.Thing", "own_mutations.Thing is a type; a mutation function is a plain Python function"),
        ("os.system", "os.system is a part of Python itself, and no mutation function"),
    ],
)
def test_a_users_own_function_that_does_not_work_is_said(function: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'm.yaml:7: {problem}')}$"):
        mutation(function).apply(Config())


def test_a_users_own_function_can_refuse_a_config() -> None:
    with pytest.raises(ConfigError, match=r"^model.image_size is odd$"):
        mutation("own_mutations.refuses").apply(Config())


@pytest.mark.parametrize("name", ["", ".", "..", "a", "a/b.c", "a.b/../c", "a..b", ".a.b", "a.b.", "a.1", "a b.c"])
def test_what_is_neither_known_nor_an_import_path_is_not_imported(name: str) -> None:
    with pytest.raises(
        InputError, match=r"^m.yaml:7: .* is not a mutation function; .* or the import path of your own$"
    ):
        find_function(name, "m.yaml:7")


@pytest.mark.parametrize(
    ("function", "arguments", "problem"),
    [
        ("delete_conv_layer", {}, "delete_conv_layer: missing a required argument: 'layer_id'"),
        (
            "delete_conv_layer",
            {"layr_id": 1},
            "delete_conv_layer: layr_id is not an argument; did you mean layer_id? (allowed: layer_id)",
        ),
        (
            "delete_conv_layer",
            {"layer_id": 1, "config": 1},
            "delete_conv_layer: config is not an argument; allowed: layer_id",
        ),
        ("change_conv_layer", {"layr_id": 1}, "change_conv_layer: missing a required argument: 'layer_id'"),
        ("change_training", {"config": 1}, "change_training: multiple values for argument 'config'"),
        (
            "own_mutations.longer",
            {"factr": 3},
            "own_mutations.longer: factr is not an argument; did you mean factor? (allowed: factor)",
        ),
    ],
)
def test_arguments_that_a_function_does_not_take_are_named(
    function: str, arguments: dict[str, int], problem: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'm.yaml:7: {problem}')}$"):
        mutation(function, **arguments).apply(Config())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((("kernel_size", 3), ("num_filters", 128)), "f-kernel_size=3-num_filters=128"),
        ((("learning_rate", 0.0005),), "f-learning_rate=0.0005"),
        ((("learning_rate", 1e-05),), "f-learning_rate=1e-05"),
        ((("a", None), ("b", True), ("c", False)), "f-a=null-b=true-c=false"),
        ((("angles", (0, 45.5)),), "f-angles=0,45.5"),
        ((), "f"),
    ],
)
def test_a_name_tells_the_function_and_every_argument(
    arguments: tuple[tuple[str, int | str | float | bool | None], ...], name: str
) -> None:
    assert Mutation("f", arguments).name == name


def test_a_sequence_is_named_after_its_mutations() -> None:
    assert sequence_name(()) == "base"
    assert sequence_name((Mutation("f", (("x", 1),)), Mutation("g", ()))) == "f-x=1__g"


values = st.text(max_size=400) | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
sequences = st.lists(
    st.builds(
        Mutation,
        function=st.sampled_from(["add_conv_layer", "own.function"]),
        arguments=st.lists(st.tuples(st.text(min_size=1, max_size=20), values), max_size=3).map(tuple),
    ),
    max_size=4,
).map(tuple)


@settings(deadline=None)
@given(sequences)
def test_a_name_is_safe_as_a_folders(sequence: tuple[Mutation, ...]) -> None:
    name = sequence_name(sequence)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.,=+-]*", name)
    assert len(name) <= MAX_NAME
    assert os.path.normpath(name) == name


@settings(deadline=None)
@given(sequences, sequences)
def test_other_texts_give_other_names(first: tuple[Mutation, ...], second: tuple[Mutation, ...]) -> None:
    texts = [[mutation.name for mutation in sequence] for sequence in (first, second)]
    if "__".join(texts[0]) != "__".join(texts[1]) and texts != [["base"], []]:
        assert sequence_name(first) != sequence_name(second)


@pytest.mark.parametrize(
    ("value", "start"), [("../../etc", "f-x=.._.._etc-"), ("a b", "f-x=a_b-"), ("é", "f-x=_-"), ("x" * 500, "f-x=xxx")]
)
def test_an_unsafe_or_long_name_is_made_safe_and_stays_its_own(value: str, start: str) -> None:
    name = sequence_name((Mutation("f", (("x", value),)),))
    assert name.startswith(start)
    assert re.fullmatch(r".*-[0-9a-f]{16}", name)
    assert name != sequence_name((Mutation("f", (("x", f"{value}."),)),))
