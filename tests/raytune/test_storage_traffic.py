import logging
import os
import threading
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from tuner.raytune.storage_traffic import Deletions, Uploads


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    (tmp_path / "staged" / "wide").mkdir(parents=True)
    (tmp_path / "staged" / "state.json").write_text("{}")
    (tmp_path / "staged" / "wide" / "result.json").write_text("one\n")
    return tmp_path / "staged"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tmp_path / "stored"


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_first_upload_copies_all_files(staged: Path, stored: Path) -> None:
    Uploads().upload(str(staged), LocalFileSystem(), str(stored))
    assert contents(stored) == {"state.json": "{}", "wide/result.json": "one\n"}


def test_a_later_upload_copies_what_has_changed_and_nothing_else(staged: Path, stored: Path) -> None:
    uploads = Uploads()
    uploads.upload(str(staged), LocalFileSystem(), str(stored))
    (stored / "state.json").write_text("of the storage")
    (staged / "wide" / "result.json").write_text("one\ntwo\n")
    (staged / "tall").mkdir()
    (staged / "tall" / "result.json").write_text("new\n")
    uploads.upload(str(staged), LocalFileSystem(), str(stored))
    expected = {"state.json": "of the storage", "wide/result.json": "one\ntwo\n", "tall/result.json": "new\n"}
    assert contents(stored) == expected


def test_a_file_of_the_same_size_is_copied_if_it_was_written_again(staged: Path, stored: Path) -> None:
    uploads = Uploads()
    uploads.upload(str(staged), LocalFileSystem(), str(stored))
    (staged / "state.json").write_text("[]")
    os.utime(staged / "state.json", ns=(1, 1))
    uploads.upload(str(staged), LocalFileSystem(), str(stored))
    assert contents(stored)["state.json"] == "[]"


def test_a_file_that_the_storage_refused_is_copied_the_next_time(staged: Path, stored: Path) -> None:
    uploads = Uploads()
    (stored / "state.json").mkdir(parents=True)
    with pytest.raises(OSError, match=r"state\.json"):
        uploads.upload(str(staged), LocalFileSystem(), str(stored))
    (stored / "state.json").rmdir()
    uploads.upload(str(staged), LocalFileSystem(), str(stored))
    assert contents(stored) == contents(staged)


def test_deletions_go_on_beside_and_are_over_once_settled(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stored / "checkpoint_000000").mkdir(parents=True)
    (stored / "checkpoint_000000" / "weights").write_text("w")
    storage, may_go = LocalFileSystem(), threading.Event()

    class Slow:
        type_name = "s3"

        def get_file_info(self, path: str) -> object:
            may_go.wait(10)
            return storage.get_file_info(path)

        def delete_dir(self, path: str) -> None:
            storage.delete_dir(path)

    deletions = Deletions()
    deletions.delete(Slow(), str(stored / "checkpoint_000000"))  # type: ignore[arg-type]
    assert (stored / "checkpoint_000000").exists()
    may_go.set()
    deletions.settle()
    assert not (stored / "checkpoint_000000").exists()


def test_on_this_machine_a_folder_is_deleted_at_once(stored: Path) -> None:
    (stored / "checkpoint_000000").mkdir(parents=True)
    Deletions().delete(LocalFileSystem(), str(stored / "checkpoint_000000"))
    assert not (stored / "checkpoint_000000").exists()


def test_what_is_gone_already_is_no_error(stored: Path, caplog: pytest.LogCaptureFixture) -> None:
    deletions = Deletions()
    with caplog.at_level(logging.WARNING):
        deletions.delete(LocalFileSystem(), str(stored / "checkpoint_000000"))
        deletions.settle()
    assert not caplog.records
