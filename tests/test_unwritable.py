"""Folders that cannot be written: noticed before anything is trained. For root, permissions alone do not count."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tuner import retrain, run
from tuner.command import execute
from tuner.folder import Folder
from tuner.results.experiment import Experiment
from tuner.results.lock import held
from tuner.results.origin import Origin

REFUSED = "(Operation not permitted|Permission denied)"


def need(*command: str) -> None:
    """The command has run; the test is skipped where it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not on this machine")
    if done.returncode:
        pytest.skip(f"{command[0]} is not possible here: {done.stderr.strip()}")


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Nothing can be put into the folder."""
    root = os.geteuid() == 0
    need(*(("chattr", "+i") if root else ("chmod", "a-w")), str(folder))
    try:
        yield
    finally:
        subprocess.run([*(("chattr", "-i") if root else ("chmod", "u+w")), str(folder)], check=True, timeout=30)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    need("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=30)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a config, mutations and data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text("data: {eval_size: 2}\nmodel: {image_size: 4}\n")
    (tmp_path / "mutations.yaml").write_text("change_training:\n  - learning_rate: [0.1]\n")
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "stim.npy", np.zeros((6, 5, 5, 3), np.uint8))
    (tmp_path / "data" / "train.csv").write_text("Id,a\n0,1\n1,2\n2,3\n3,4\n")
    return tmp_path


def new_run(storage: Path) -> int:
    files = ("--config", "base.yaml", "--mutations", "mutations.yaml", "--address", "nowhere:1")
    return execute("run", run.main, ["-g", "group", "-n", "name", "--storage", str(storage), *files])


def test_a_storage_that_cannot_be_written_is_told_before_ray_is_started(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = workplace / "storage"
    storage.mkdir()
    with unwritable(storage):
        assert new_run(storage) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"error: {storage}/group/name cannot be written: {REFUSED}\n", error)


def test_a_full_disk_is_told_before_ray_is_started(
    workplace: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (disk / "group").mkdir()
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert new_run(disk) == 2
    assert capsys.readouterr() == ("", f"error: {disk}/group/name cannot be written: No space left on device\n")
    assert sorted(path.name for path in disk.rglob("*")) == ["filler", "group"]


def test_a_file_that_a_full_disk_cuts_short_leaves_nothing(disk: Path) -> None:
    folder = Folder.at(str(disk))
    with held(folder, print):
        with pytest.raises(Exception, match=r"manifest\.yaml cannot be written: .*No space left on device"):
            folder.write("manifest.yaml", bytes(100_000))
        assert folder.names() == ("lock.json",)


def test_an_experiment_that_cannot_be_written_is_not_retrained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment.at(str(tmp_path), "group", "name")
    experiment.begin({"seed": 0, "variants": {"base": []}}, (), Origin("Made up.", False, "abc", 3))
    folder = tmp_path / "group" / "name"
    with unwritable(folder):
        assert execute("retrain", retrain.main, ["-g", "group", "-n", "name", "--storage", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"error: {folder} cannot be written: {REFUSED}\n", error)


def test_an_experiment_on_a_disk_that_is_mounted_to_be_read_is_not_retrained(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment.at(str(disk), "group", "name")
    experiment.begin({"seed": 0, "variants": {"base": []}}, (), Origin("Made up.", False, "abc", 3))
    need("mount", "-o", "remount,ro", str(disk))
    assert execute("retrain", retrain.main, ["-g", "group", "-n", "name", "--storage", str(disk)]) == 2
    assert capsys.readouterr() == ("", f"error: {disk}/group/name cannot be written: Read-only file system\n")
