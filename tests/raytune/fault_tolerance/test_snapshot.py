"""Ray's snapshot as one file; the experiment itself is run in the tests that kill it."""

import json
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tuner.folder import Folder
from tuner.raytune.fault_tolerance.snapshot import FILE, Snapshot

NAMES = ("experiment_state-{}.json", "basic-variant-state-{}.json", "callback-states-{}.pkl")


class Storage:
    """What a snapshot asks of Ray's."""

    def __init__(self, staged: Path) -> None:
        self.experiment_driver_staging_path = str(staged)


class Of:
    """A trial's storage."""

    def __init__(self, staged: Path) -> None:
        self.storage = Storage(staged)


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "name"
    folder.mkdir()
    (folder / "tuner.pkl").write_bytes(b"tuner")
    return folder


@pytest.fixture
def snapshot(experiment: Path) -> Snapshot:
    return Snapshot(Folder.at(str(experiment)))


@pytest.fixture
def trials(tmp_path: Path) -> list[Any]:
    (tmp_path / "staged").mkdir()
    return [Of(tmp_path / "staged")]


def write(trials: list[Any], session: str, content: str) -> None:
    staged = Path(trials[0].storage.experiment_driver_staging_path)
    for name in NAMES:
        (staged / name.format(session)).write_text(json.dumps(content))
    state = staged / NAMES[0].format(session)
    os.utime(state, ns=(state.stat().st_atime_ns, hash(content) & 0xFFFFFFFF))


def files(experiment: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in experiment.iterdir() if path.name != FILE}


def test_the_files_of_rays_newest_snapshot_are_kept_as_one(
    experiment: Path, snapshot: Snapshot, trials: list[Any]
) -> None:
    write(trials, "2", "new")
    snapshot.on_step_begin(1, trials)
    with ZipFile(experiment / FILE) as file:
        assert sorted(file.namelist()) == sorted([*(name.format("2") for name in NAMES), "tuner.pkl"])
    assert not list(experiment.glob("*.partial"))


def test_a_snapshot_is_written_once_and_again_when_it_is_another(
    experiment: Path, snapshot: Snapshot, trials: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot.on_step_begin(1, trials)
    assert not (experiment / FILE).exists()
    write(trials, "1", "first")
    snapshot.on_step_begin(2, trials)
    inode = (experiment / FILE).stat().st_ino
    snapshot.on_step_begin(3, trials)
    assert (experiment / FILE).stat().st_ino == inode
    write(trials, "1", "second")
    snapshot.keep()
    assert (experiment / FILE).stat().st_ino != inode


def test_what_ray_has_fetched_or_a_driver_before_has_left_is_not_put_over_what_the_storage_has(
    snapshot: Snapshot, trials: list[Any]
) -> None:
    write(trials, "1", "kept")
    staged = Path(trials[0].storage.experiment_driver_staging_path)
    for name in ("lock.json", "verdict.json", "tuner.pkl"):
        (staged / name).write_text("{}")
    (staged / "base").mkdir()
    for name in ("result.json", "progress.csv", "error.txt"):
        (staged / "base" / name).write_text("old")
    snapshot.on_step_begin(1, trials)
    kept = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    assert kept == {*(name.format("1") for name in NAMES), "tuner.pkl", "base/error.txt"}
    (staged / "base" / "result.json").write_text("new")
    snapshot.on_step_begin(2, trials)
    assert (staged / "base" / "result.json").read_text() == "new"


def test_what_is_restored_is_what_was_kept_and_nothing_of_rays_own(
    experiment: Path, snapshot: Snapshot, trials: list[Any]
) -> None:
    snapshot.on_step_begin(1, trials)
    write(trials, "1", "kept")
    snapshot.on_step_begin(2, trials)
    (experiment / "tuner.pkl").write_bytes(b"tu")
    for session, content in (("1", "ke"), ("9", "cut short")):
        for name in NAMES:
            (experiment / name.format(session)).write_text(content)
    (experiment / "manifest.yaml").write_text("stays")
    assert snapshot.restore()
    kept = {name.format("1"): '"kept"' for name in NAMES}
    assert files(experiment) == {**kept, "tuner.pkl": "tuner", "manifest.yaml": "stays"}


def test_what_was_restored_from_is_not_taken_for_new_though_the_clock_was_set_back(
    experiment: Path, snapshot: Snapshot, trials: list[Any]
) -> None:
    write(trials, "9", "of a run when the clock was ahead")
    snapshot.on_step_begin(1, trials)
    snapshot = Snapshot(Folder.at(str(experiment)))
    assert snapshot.restore()
    snapshot.on_step_begin(1, trials)  # Ray has taken it to where it writes its own
    write(trials, "2", "new")
    snapshot.on_step_begin(2, trials)
    assert snapshot.restore()
    assert {name: text for name, text in files(experiment).items() if name.startswith("exp")} == {
        NAMES[0].format("2"): '"new"'
    }


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"nonsense", "cut"])
def test_without_a_whole_snapshot_nothing_is_restored_from(
    experiment: Path, snapshot: Snapshot, trials: list[Any], content: bytes | str | None
) -> None:
    snapshot.on_step_begin(1, trials)
    write(trials, "1", "kept")
    snapshot.on_step_begin(2, trials)
    whole = (experiment / FILE).read_bytes()
    (experiment / FILE).write_bytes(whole[: len(whole) // 2] if content == "cut" else content or b"")
    if content is None:
        (experiment / FILE).unlink()
    assert not snapshot.restore()
    assert files(experiment) == {}


def test_a_snapshot_writes_nothing_but_rays_files(experiment: Path, snapshot: Snapshot) -> None:
    with ZipFile(experiment / FILE, "w") as file:
        file.writestr("../outside", "x")
        file.writestr("manifest.yaml", "x")
        file.writestr("experiment_state-/../../x.json", "x")
        file.writestr("tuner.pkl", "tuner")
    assert snapshot.restore()
    assert files(experiment) == {"tuner.pkl": "tuner"}
    assert sorted(path.name for path in experiment.parent.iterdir()) == ["name"]


def test_a_state_that_was_cut_short_by_a_full_disk_is_not_kept(
    experiment: Path, snapshot: Snapshot, trials: list[Any]
) -> None:
    write(trials, "1", "whole")
    snapshot.on_step_begin(1, trials)
    before = (experiment / FILE).read_bytes()
    state = Path(trials[0].storage.experiment_driver_staging_path) / NAMES[0].format("1")
    state.write_text('{"trial_data": [')
    snapshot.keep()
    assert (experiment / FILE).read_bytes() == before


def test_files_of_two_moments_are_not_kept(experiment: Path, snapshot: Snapshot, trials: list[Any]) -> None:
    write(trials, "1", "first")
    snapshot.on_step_begin(1, trials)
    before = (experiment / FILE).read_bytes()
    write(trials, "1", "second")
    callbacks = Path(trials[0].storage.experiment_driver_staging_path) / NAMES[2].format("1")
    os.utime(callbacks, ns=(0, 0))  # Ray could not write it after the others
    snapshot.keep()
    assert (experiment / FILE).read_bytes() == before


def test_a_snapshot_that_comes_after_many_steps_without_one_is_kept(
    experiment: Path, snapshot: Snapshot, trials: list[Any]
) -> None:
    staged = Path(trials[0].storage.experiment_driver_staging_path)
    os.utime(staged, ns=(1, 1))  # nothing has come for long: the folder is not listed again
    snapshot.on_step_begin(1, trials)
    snapshot.on_step_begin(2, trials)
    write(trials, "1", "first")
    snapshot.on_step_begin(3, trials)
    with ZipFile(experiment / FILE) as file:
        assert file.read(NAMES[0].format("1")) == b'"first"'


def test_the_folder_of_all_trials_is_not_listed_at_each_step(
    snapshot: Snapshot, trials: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, glob = [], Path.glob
    write(trials, "1", "first")
    os.utime(trials[0].storage.experiment_driver_staging_path, ns=(1, 1))
    snapshot.on_step_begin(1, trials)
    monkeypatch.setattr(Path, "glob", lambda path, pattern: listed.append(pattern) or glob(path, pattern))
    for step in range(2, 10):
        snapshot.on_step_begin(step, trials)
    assert listed == []
