import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tuner.dataset import change
from tuner.dataset.change import changes
from tuner.dataset.load import Dataset, load_dataset, simulated_dataset

TABLE = "Id,a\n0,1\n1,2\n2,3\n3,4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "stim.npy", np.zeros((6, 5, 5, 3), np.uint8))
    (tmp_path / "train.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return load_dataset(folder)


def end(dataset: Dataset) -> str:
    return f": all results are of what was read, whose fingerprint {dataset.fingerprint} is in manifest.yaml"


def test_files_that_nobody_touched_are_not_read_again(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(change, "load_dataset")
    assert changes(dataset) == []


def test_files_that_hold_the_same_again_have_not_changed(folder: Path, dataset: Dataset) -> None:
    os.utime(folder / "train.csv", ns=(1, 1))
    assert changes(dataset) == []


def test_a_changed_file_is_told_with_both_fingerprints(folder: Path, dataset: Dataset) -> None:
    (folder / "train.csv").write_text(TABLE.replace("4", "5"))
    os.utime(folder / "train.csv", ns=(1, 1))  # a file system may know its times in seconds only
    now = load_dataset(folder).fingerprint
    said = f"the data in {folder} have changed since they were read (their fingerprint is {now} now){end(dataset)}"
    assert changes(dataset) == [said]


def test_a_file_that_was_changed_while_it_was_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_images = change.load_dataset.__globals__["load_images"]

    def slowly(path: Path) -> object:
        images = load_images(path)
        np.save(path, np.ones((6, 5, 5, 3), np.uint8))
        os.utime(path, ns=(1, 1))
        return images

    monkeypatch.setattr("tuner.dataset.load.load_images", slowly)
    dataset = load_dataset(folder)
    monkeypatch.undo()
    assert len(changes(dataset)) == 1


@pytest.mark.parametrize("lost", ["stim.npy", "train.csv", ""])
def test_a_file_that_is_gone_is_told_and_no_error(folder: Path, dataset: Dataset, lost: str) -> None:
    shutil.rmtree(folder) if not lost else (folder / lost).unlink()
    (said,) = changes(dataset)
    missing = folder / (lost or "stim.npy")
    problem = f"({missing} cannot be read: No such file or directory)"
    assert said == f"the data are no longer there as they were read {problem}{end(dataset)}"


def test_a_file_that_is_half_written_is_told(folder: Path, dataset: Dataset) -> None:
    (folder / "stim.npy").write_bytes(b"\x93NUMPY")
    (said,) = changes(dataset)
    assert said.startswith(f"the data are no longer there as they were read ({folder}/stim.npy is not a .npy file of ")


def test_simulated_data_have_no_files() -> None:
    assert changes(simulated_dataset()) == []
