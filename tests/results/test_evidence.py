import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.out_of_fold import FILE, OutOfFold, no_evaluations
from tuner.errors import InputError
from tuner.results.arrays import BASELINES, RESPONSES, write_baselines, write_responses
from tuner.results.entry import Entry
from tuner.results.evidence import read_evidence
from tuner.results.experiment import Experiment
from tuner.results.origin import Origin

ORIGIN = Origin("Made up.", False, "abc", 3)
FOLDS = np.tile(np.arange(30) % 3, (2, 1))


@pytest.fixture
def experiment(config: Config, dataset: Dataset, tmp_path: Path) -> Experiment:
    experiment = Experiment.at(str(tmp_path), "group", "name")
    entries = (Entry("base", config, ()), Entry("a", config, ("a",)), Entry("a+b", config, ("a", "b")))
    experiment.begin({"seed": 3, "variants": {entry.name: list(entry.mutations) for entry in entries}}, entries, ORIGIN)
    write_responses(experiment.folder, dataset)
    return experiment


def curve(config: Config, value: float, steps: tuple[int, ...] = (2, 4)) -> OutOfFold:
    splits = make_splits(config.data, 30)
    found = no_evaluations(splits, 30, 4)
    for step in steps:
        found = found.with_evaluation(step, np.full((len(splits), 30, 4), value + step, np.float32), splits, 2)
    return found


def ran(
    trials: Experiment, name: str, found: OutOfFold | None, ending: str = "max_steps", seconds: float = 1.0
) -> None:
    """The files that a trial leaves."""
    neuron = {metric: {"a": 0.5} for metric in ("rmse", "correlation", "r2")}
    row = {"step": 4, "rmse": 0.5, "rmse_se": 0.1, "train_rmse": 0.4, "neuron": neuron, "time_total_s": seconds}
    trials.folder.write(f"{name}/result.json", json.dumps({**row, "ending": ending}) + "\n")
    if found is not None:
        trials.folder.write(f"{name}/checkpoint_000001/{FILE}", found.dump())


def test_what_was_written_is_read_again(experiment: Experiment, dataset: Dataset, config: Config) -> None:
    predictions = {"mean predictor": np.full((2, 30, 4), 0.5, np.float32), "ridge": np.zeros((2, 30, 4), np.float32)}
    write_baselines(experiment.folder, predictions, FOLDS)
    ran(experiment, "base", curve(config, 1.0))
    evidence = read_evidence(experiment)
    assert np.array_equal(evidence.responses, dataset.responses, equal_nan=True)
    assert evidence.responses.dtype == np.float32
    assert evidence.neurons == dataset.neurons
    assert (evidence.noise_rmse, evidence.seed) == (None, 3)
    assert list(evidence.baselines) == ["mean predictor", "ridge"]
    for name, each in predictions.items():
        assert np.array_equal(evidence.baselines[name], each)
    assert np.array_equal(evidence.baseline_folds, FOLDS)
    assert evidence.control == Entry("base", config, ())
    assert [record.variant for record in evidence.records] == ["base", "a", "a+b"]
    assert list(evidence.search) == ["base"]
    assert np.array_equal(evidence.search["base"].predictions, curve(config, 1.0).predictions)


def test_the_noise_of_simulated_data_is_kept(experiment: Experiment, dataset: Dataset) -> None:
    write_responses(experiment.folder, replace(dataset, noise_rmse=0.25))
    assert read_evidence(experiment).noise_rmse == 0.25


def test_before_anything_was_measured_there_is_nothing_but_the_responses(experiment: Experiment) -> None:
    evidence = read_evidence(experiment)
    assert (evidence.search, evidence.finals, evidence.baselines) == ({}, {}, {})
    assert evidence.failed == {}
    assert evidence.baseline_folds.shape == (0, 30)


def test_each_finished_round_of_the_finals_is_a_repeat(experiment: Experiment, config: Config) -> None:
    for number, seconds in ((1, 10.0), (2, 20.0)):
        ran(experiment.finals(number), "base", curve(config, number), seconds=seconds)
    ran(experiment.finals(1), "a", curve(config, 5.0), seconds=7.0)
    evidence = read_evidence(experiment)
    assert list(evidence.finals) == ["base", "a"]
    assert [evidence.finals[name].folds.shape for name in ("base", "a")] == [(2, 30), (1, 30)]
    one, two = (curve(config, value) for value in (1.0, 2.0))
    assert np.array_equal(evidence.finals["base"].predictions, np.concatenate([one.predictions, two.predictions], 1))
    assert evidence.failed == {}
    assert evidence.finals_seconds == {"base": 30.0, "a": 7.0, "a+b": 0.0}


@pytest.mark.parametrize(("ending", "failed"), [("diverged", True), ("", False)])
def test_a_round_that_was_not_finished_is_no_repeat(
    experiment: Experiment, config: Config, ending: str, failed: bool
) -> None:
    ran(experiment.finals(1), "a", curve(config, 1.0), seconds=10.0)
    ran(experiment.finals(2), "a", curve(config, 2.0), ending, seconds=3.0)
    ran(experiment.finals(3), "a", curve(config, 3.0), seconds=99.0)
    evidence = read_evidence(experiment)
    assert evidence.finals["a"].folds.shape == (1, 30)
    assert ("a" in evidence.failed) is failed
    assert evidence.finals_seconds["a"] == 13.0


def test_a_trial_that_failed_for_good_is_named(experiment: Experiment, config: Config) -> None:
    ran(experiment.finals(1), "a", curve(config, 1.0), "")
    experiment.finals(1).mark_failed("a", "MemoryError: too much")
    evidence = read_evidence(experiment)
    assert (evidence.finals, [record.error for record in evidence.failed.values()]) == ({}, ["MemoryError: too much"])


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def objects(_: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, responses=np.array([{}], dtype=object), folds=np.array([[]], dtype=object))
    return file.getvalue()


def array(_: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((30, 4)))
    return file.getvalue()


@pytest.mark.parametrize("name", [RESPONSES, BASELINES])
@pytest.mark.parametrize(
    "spoil", [cut, objects, array, lambda _: b"", lambda _: b"some text"], ids=["cut", "objects", "array", "0", "text"]
)
def test_a_file_that_is_not_whole_is_named(experiment: Experiment, name: str, spoil: Callable[[bytes], bytes]) -> None:
    rng = np.random.default_rng(0)
    write_baselines(experiment.folder, {"ridge": rng.standard_normal((2, 30, 4)).astype(np.float32)}, FOLDS)
    experiment.folder.write(name, spoil(experiment.folder.read_bytes(name)))
    with pytest.raises(InputError, match=rf"/group/name/{name} is missing or not whole"):
        read_evidence(experiment)


def test_a_garbled_byte_is_the_files_fault_wherever_it_is(experiment: Experiment) -> None:
    content = experiment.folder.read_bytes(RESPONSES)
    said = []
    for index in range(0, len(content), 11):
        experiment.folder.write(RESPONSES, content[:index] + bytes([content[index] ^ 255]) + content[index + 1 :])
        try:
            read_evidence(experiment)
        except InputError as error:
            said.append(str(error))
    assert len(said) > 60
    assert all(f"{RESPONSES} is missing or not whole" in error for error in said)


@pytest.mark.parametrize(
    ("name", "part"),
    [(RESPONSES, "responses"), (RESPONSES, "neurons"), (RESPONSES, "noise_rmse"), (BASELINES, "folds")],
)
def test_a_file_that_lacks_a_part_is_named(experiment: Experiment, name: str, part: str) -> None:
    write_baselines(experiment.folder, {"ridge": np.zeros((2, 30, 4), np.float32)}, FOLDS)
    with np.load(io.BytesIO(experiment.folder.read_bytes(name))) as arrays:
        kept = {key: arrays[key] for key in arrays.files if key != part}
    file = io.BytesIO()
    np.savez(file, **kept)
    experiment.folder.write(name, file.getvalue())
    with pytest.raises(InputError, match=rf"/group/name/{name} is missing or not whole: .*{part}"):
        read_evidence(experiment)


def test_an_experiment_without_responses_is_told_so(experiment: Experiment) -> None:
    (Path(experiment.folder.uri) / RESPONSES).unlink()
    with pytest.raises(InputError, match=rf"/group/name/{RESPONSES} is missing or not whole"):
        read_evidence(experiment)


def test_objects_are_refused_before_they_are_unpickled(experiment: Experiment, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    file = io.BytesIO()
    np.savez(file, responses=np.array([Trap()], dtype=object))
    experiment.folder.write(RESPONSES, file.getvalue())
    with pytest.raises(InputError, match="it holds pickled objects"):
        read_evidence(experiment)
    assert not (tmp_path / "sprung").exists()


WRONG = {
    "one axis": {"responses": np.zeros(30, np.float32)},
    "texts": {"responses": np.full((30, 4), "x")},
    "no images": {"responses": np.zeros((0, 4), np.float32)},
    "integers": {"responses": np.zeros((30, 4), np.int64)},
    "noise of several": {"noise_rmse": np.zeros(2)},
    "numbers for names": {"neurons": np.arange(4)},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_responses_of_another_shape_or_type_are_named(experiment: Experiment, wrong: dict[str, np.ndarray]) -> None:
    rewrite(experiment, RESPONSES, wrong)
    with pytest.raises(InputError, match=rf"{RESPONSES} holds arrays of another shape or type"):
        read_evidence(experiment)


@pytest.mark.parametrize("count", [1, 5])
def test_every_neuron_has_one_name(experiment: Experiment, count: int) -> None:
    rewrite(experiment, RESPONSES, {"neurons": np.array(["x"] * count)})
    with pytest.raises(InputError, match="does not name each of its 4 neurons once"):
        read_evidence(experiment)


@pytest.mark.parametrize(
    "wrong",
    [
        {"folds": np.zeros(30, np.int64)},
        {"folds": np.full((2, 30), 10**9)},
        {"folds": np.zeros((2, 29), np.int64)},
        {"prediction ridge": np.zeros((2, 30), np.float32)},
        {"prediction ridge": np.full((2, 30, 4), "x")},
        {"prediction ridge": np.zeros((2, 30, 4), np.complex64)},
    ],
)
def test_baselines_of_another_shape_or_type_are_named(experiment: Experiment, wrong: dict[str, np.ndarray]) -> None:
    write_baselines(experiment.folder, {"ridge": np.zeros((2, 30, 4), np.float32)}, FOLDS)
    rewrite(experiment, BASELINES, wrong)
    with pytest.raises(InputError, match=rf"{BASELINES} holds predictions"):
        read_evidence(experiment)


def rewrite(experiment: Experiment, name: str, changes: dict[str, np.ndarray]) -> None:
    """The file holds the changed arrays."""
    with np.load(io.BytesIO(experiment.folder.read_bytes(name))) as arrays:
        kept = {key: arrays[key] for key in arrays.files}
    file = io.BytesIO()
    np.savez(file, **(kept | changes))
    experiment.folder.write(name, file.getvalue())
