import re
from pathlib import Path
from typing import Any

import pytest

from tuner.errors import InputError
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.space import Grid, Range, Space, load_mutations

ROOT = Path(__file__).parents[2]


def load(folder: Path, text: str) -> Space:
    path = folder / "m.yaml"
    path.write_text(text)
    return load_mutations(path)


def test_the_example_is_read_in_its_order_with_its_lines_and_sorted_arguments() -> None:
    path = ROOT / "mutations" / "example.yaml"
    assert load_mutations(path) == (
        Grid("add_conv_layer", (("kernel_size", (3, 5)), ("num_filters", (128, 256))), f"{path}:3"),
        Grid("add_conv_layer", (("kernel_size", (7,)), ("num_filters", (196,))), f"{path}:6"),
        Grid("change_conv_layer", (("kernel_size", (3, 7)), ("layer_id", (2,))), f"{path}:10"),
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[1, 2.5, a, true, null]", (1, 2.5, "a", True, None)),
        ("[[0, 45], [90], []]", ((0, 45), (90,), ())),
        ("{min: 1.0e-4, max: 1.0e-2, log: true}", Range(1e-4, 1e-2, log=True)),
        ("{min: 1, max: 9, step: 2}", Range(1, 9, step=2)),
        ("{min: 3, max: 3, log: false}", Range(3, 3)),
    ],
)
def test_an_argument_has_a_list_of_values_or_a_range(tmp_path: Path, text: str, values: Any) -> None:
    (grid,) = load(tmp_path, f"change_training:\n  - learning_rate: {text}")
    assert repr(grid.arguments) == repr((("learning_rate", values),))  # `True` equals 1 and is another value


@pytest.mark.parametrize(
    ("text", "count"),
    [("{}", 0), ("change_training: []", 0), ("change_training: [{}]", 1), ("change_data: [{}, {}]", 2)],
)
def test_lists_and_grids_may_be_empty(tmp_path: Path, text: str, count: int) -> None:
    assert [grid.arguments for grid in load(tmp_path, text)] == [()] * count


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "a mutations file is a mapping of function to a list of grids"),
        ("- change_training", 1, "a mutations file is a mapping of function to a list of grids"),
        (
            "\nadd_conv_layr: []",
            2,
            (
                "add_conv_layr is not a mutation function; did you mean add_conv_layer? "
                f"(allowed: {', '.join(FUNCTIONS)}), or the import path of your own"
            ),
        ),
        (
            "..: []",
            1,
            f".. is not a mutation function; allowed: {', '.join(FUNCTIONS)}, or the import path of your own",
        ),
        (
            "../../x.f: []",
            1,
            f"../../x.f is not a mutation function; allowed: {', '.join(FUNCTIONS)}, or the import path of your own",
        ),
        (
            "change_data:",
            1,
            "change_data must be a list of grids, each a mapping of argument to values, but got null",
        ),
        (
            "change_data:\n  folds: [3]",
            1,
            "change_data must be a list of grids, each a mapping of argument to values, but got {'folds': [3]}",
        ),
        (
            "change_data:\n  - {}\n  - folds",
            3,
            "change_data[1] must be a mapping of argument to values, but got 'folds'",
        ),
        ("change_data:\n  - folds: 3", 2, "change_data[0].folds must be a list of values or a range, but got 3"),
        ("change_data:\n  - folds: []", 2, "change_data[0].folds must be a list of values or a range, but got []"),
        (
            "change_data:\n  -\n    folds: [{a: 1}]",
            3,
            "change_data[0].folds must hold plain values or lists of them, but got {'a': 1}",
        ),
        (
            "change_data:\n  - folds: [[[3]]]",
            2,
            "change_data[0].folds must hold plain values or lists of them, but got [[3]]",
        ),
        (
            "change_data:\n  - folds: {min: 1, mx: 2}",
            2,
            "change_data[0].folds.mx is not part of a range; did you mean max? (allowed: min, max, log, step)",
        ),
        ("change_data:\n  - folds: {min: 1}", 2, "change_data[0].folds: a range has a min and a max"),
        ("change_data:\n  - folds: {}", 2, "change_data[0].folds: a range has a min and a max"),
        ("change_data:\n  - folds: {min: a, max: 2}", 2, "change_data[0].folds.min must be a number, but got 'a'"),
        ("change_data:\n  - folds: {min: true, max: 2}", 2, "change_data[0].folds.min must be a number, but got true"),
        (
            "change_data:\n  - folds: {min: 1, max: 2, log: 1}",
            2,
            "change_data[0].folds.log must be true or false, but got 1",
        ),
        (
            "change_data:\n  - folds: {min: 1, max: 2, step: null}",
            2,
            "change_data[0].folds.step must be a number, but got null",
        ),
        ("change_data:\n  - folds: {min: 3, max: 2}", 2, "change_data[0].folds: min <= max must hold, but got 3 and 2"),
        (
            "change_data:\n  - folds: {min: .nan, max: 2}",
            2,
            "change_data[0].folds: min <= max must hold, but got nan and 2",
        ),
        (
            "change_data:\n  - folds: {min: 1, max: .inf}",
            2,
            "change_data[0].folds: min <= max must hold, but got 1 and inf",
        ),
        (
            "change_data:\n  - folds: {min: 0, max: 2, log: true}",
            2,
            "change_data[0].folds: min > 0 must hold with log: true, but got 0",
        ),
        (
            "change_data:\n  - folds: {min: 1, max: 2, step: 0}",
            2,
            "change_data[0].folds: step > 0 must hold, but got 0",
        ),
        (
            "change_data:\n  - folds: {min: 1, max: 2, step: 1, log: true}",
            2,
            "change_data[0].folds: a range has log: true or a step, not both",
        ),
        (
            "change_training:\n  - learning_rate: {min: 0, max: 1, step: 1.0e-300}",
            2,
            "change_training[0].learning_rate: a range has fewer than 2^53 steps, but got steps of 1e-300 from 0 to 1",
        ),
        (
            f"change_data:\n  - random_seed: {{min: 0, max: {2**53}}}",
            2,
            "change_data[0].random_seed: a range has fewer than 2^53 steps, but got steps of 1 from 0 to 9.0072e+15",
        ),
        ("change_data: []\nchange_data: []", 2, "change_data stands twice; keep one"),
    ],
)
def test_an_error_names_file_line_what_was_found_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'{tmp_path}/m.yaml:{line}: {problem}')}$"):
        load(tmp_path, text)
