from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from tuner.folder import Folder
from tuner.mutation.mutation import sequence_name
from tuner.mutation.space import Space, load_mutations
from tuner.raytune.search.study import StudyFile, sampler_of, whole_lines
from tuner.raytune.search.suggestion_space import labels, suggest_sequence

TEXT = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-2, log: true}
  - batch_size: [null, 8, 3]
add_dense_layer:
  - {num_units: {min: 8, max: 24, step: 8}, dropout_rate: [0.1]}
set_distortion:
  - {name: [rotate_choice], angles: [[0, 90], [0, 180]]}
"""


@pytest.fixture
def space(tmp_path: Path) -> Space:
    (tmp_path / "m.yaml").write_text(TEXT)
    return load_mutations(tmp_path / "m.yaml")


def suggested(space: Space, depth: int, count: int = 60) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trials = [study.ask() for _ in range(count)]
    return [suggest_sequence(trial, space, depth) for trial in trials], [trial.params for trial in trials]


def test_every_grid_comes_with_its_own_arguments(space: Space) -> None:
    sequences, params = suggested(space, 1)
    values: dict[str, set[Any]] = {}
    for (mutation,) in sequences:
        for name, value in mutation.arguments:
            values.setdefault(f"{mutation.function}.{name}", set()).add(value)
    assert values["change_training.batch_size"] == {None, 8, 3}
    assert values["add_dense_layer.num_units"] == {8, 16, 24}
    assert values["set_distortion.angles"] == {(0, 90), (0, 180)}
    assert all(1e-4 <= rate <= 1e-2 for rate in values["change_training.learning_rate"])
    assert {name for found in params for name in found} == {
        "1",
        "1.change_training#1.learning_rate",
        "1.change_training#2.batch_size",
        "1.add_dense_layer.num_units",
        "1.set_distortion.angles",
    }


def test_a_sequence_ends_where_no_grid_is_chosen_but_has_one_mutation(space: Space) -> None:
    sequences, _ = suggested(space, 3)
    assert {len(sequence) for sequence in sequences} == {1, 2, 3}
    assert len({sequence_name(sequence) for sequence in sequences}) > 30


def test_grids_of_one_function_are_told_apart(space: Space) -> None:
    assert labels(space) == ["change_training#1", "change_training#2", "add_dense_layer", "set_distortion"]


def test_a_file_of_one_range_is_a_space_of_numbers_alone(space: Space) -> None:
    _, params = suggested(space[:1], 1, 3)
    assert all(set(found) == {"1.change_training.learning_rate"} for found in params)


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes", "nsga2", None])
def test_every_sampler_suggests_the_same_again_after_the_same_history(name: Any, space: Space) -> None:
    def run(ask: Callable[[optuna.Trial], float]) -> list[dict[str, Any]]:
        study = optuna.create_study()
        for number in range(8):
            study.sampler = sampler_of(name, number, 8)
            trial = study.ask()
            suggest_sequence(trial, space[:1], 1)
            study.tell(trial, ask(trial))
        return [trial.params for trial in study.trials]

    first = run(lambda trial: next(iter(trial.params.values())))
    assert first == run(lambda trial: next(iter(trial.params.values())))
    assert len({str(params) for params in first}) > 4


def test_what_a_crash_left_of_a_line_and_of_a_lock_is_removed(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path))
    study = optuna.create_study(study_name="variants", storage=StudyFile(folder).storage())
    study.tell(study.ask(), 1.0)
    with (tmp_path / "study.log").open("ab") as log:
        log.write(b'{"op_code":4,"worker')
    (tmp_path / "study.log.lock").symlink_to("study.log")
    again = optuna.load_study(study_name="variants", storage=StudyFile(folder).storage())
    again.tell(again.ask(), 2.0)
    assert [trial.value for trial in again.trials] == [1.0, 2.0]


def test_only_whole_lines_are_kept() -> None:
    assert whole_lines(b'{"a":1}\n{"b":2}') == b'{"a":1}\n'
    assert whole_lines(b'{"a":1}\n{"b"\n{"c":3}\n') == b'{"a":1}\n'
    assert whole_lines(b"") == b""


def test_a_study_elsewhere_is_worked_on_here_and_kept_there(tmp_path: Path) -> None:
    folder = Folder(f"file://{tmp_path}")
    file = StudyFile(folder)
    optuna.create_study(study_name="variants", storage=file.storage())
    assert not (tmp_path / "study.log").exists()
    file.keep()
    assert StudyFile(folder).path.read_bytes() == (tmp_path / "study.log").read_bytes() != b""
