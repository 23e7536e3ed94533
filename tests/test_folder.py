import os
from pathlib import Path

import pytest
from pyarrow import fs

from tuner.errors import InputError, TunerError, UnreadableError
from tuner.folder import Folder, checked_name


def test_a_written_text_is_read_again_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path)) / "group" / "name"
    assert not folder.exists()
    folder.write("inner/text.txt", "one ± two\n")
    folder.write("inner/text.txt", "three\n")
    assert folder.read("inner/text.txt") == "three\n"
    assert folder.exists("inner")
    assert [path.name for path in (tmp_path / "group" / "name" / "inner").iterdir()] == ["text.txt"]


def test_a_missing_file_reads_as_empty(tmp_path: Path) -> None:
    assert Folder.at(str(tmp_path)).read("nothing.txt") == ""


def test_what_is_there_and_cannot_be_read_is_told_from_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UnreadableError, match="a cannot be read: "):
        Folder.at(str(tmp_path)).read_bytes("a")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"/pipe is no regular file, but a pipe or a device$"):
        Folder.at(str(tmp_path)).read("pipe")


def test_put_replaces_a_folder_as_a_whole(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path / "target"))
    for name in ("old", "new"):
        source = tmp_path / name
        (source / "deep").mkdir(parents=True)
        (source / "deep" / f"{name}.txt").write_text(name)
        folder.put(source, "best")
    best = tmp_path / "target" / "best"
    assert [path.relative_to(best).as_posix() for path in best.rglob("*.txt")] == ["deep/new.txt"]
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["best"]


def test_a_storage_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TunerError, match=r"file/name/text\.txt cannot be written"):
        (Folder.at(str(tmp_path / "file")) / "name").write("text.txt", "")


def test_an_unknown_storage_is_the_users_error() -> None:
    with pytest.raises(InputError, match="gopher://x is not a storage that pyarrow knows"):
        Folder.at("gopher://x").exists()


def test_a_uri_goes_through_pyarrow(tmp_path: Path) -> None:
    folder = Folder.at(f"file://{tmp_path}/store") / "name"
    folder.write("text.txt", "hello")
    assert fs.LocalFileSystem().get_file_info(f"{tmp_path}/store/name/text.txt").is_file
    assert folder.read("text.txt") == "hello"
    assert folder.local is None


@pytest.mark.parametrize("name", ["a", "v4-2.b_c+d=e", "0"])
def test_plain_names_are_allowed(name: str) -> None:
    assert checked_name(name, "--name") == name


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", ".hidden", "-x", "a b", "a\\b", "a\n", "ä", "x" * 101, "a:b"])
def test_names_that_are_paths_or_no_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="--name must be at most 100 letters, digits"):
        checked_name(name, "--name")


@pytest.mark.parametrize("uri", ["/here", "s3://bucket/there"])
def test_what_is_done_for_each_item_comes_back_in_order(uri: str) -> None:
    folder = Folder(uri)
    assert folder.each(lambda number: number * 2, range(100)) == [number * 2 for number in range(100)]
    with pytest.raises(ZeroDivisionError):
        folder.each(lambda number: 1 // number, (1, 0, 2))


def test_s3_is_asked_once_to_take_a_small_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing is asked; else the bucket's region would be
    filesystem, path = Folder("s3://bucket/name").place
    assert path == "bucket/name"
    assert filesystem.__reduce__()[1][0]["allow_delayed_open"]
