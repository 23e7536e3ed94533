import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tuner.errors import InputError
from tuner.folder import Folder
from tuner.results.lock import held
from tuner.results.owner import Owner

RENEWAL_S = 0.1
IN_USE = "is in use by process {pid} on .+ since 2.*; wait until that ends, or end it"
HOLDS = """
import os, sys, time
from tuner.folder import Folder
from tuner.results.lock import held
with held(Folder.at(sys.argv[1]), print, renewal_s=0.1):
    if sys.argv[2:] == ["fork"] and os.fork() == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["folder", "uri"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """Of an experiment that is not there yet: local, or elsewhere."""
    place = str(tmp_path) if request.param == "folder" else f"file://{tmp_path}"
    return Folder.at(place) / "group" / "name"


@contextmanager
def holder(folder: Folder, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    command = [sys.executable, "-c", HOLDS, folder.uri, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def take(folder: Folder, said: list[str] | None = None) -> None:
    with held(folder, [].append if said is None else said.append, renewal_s=RENEWAL_S):
        assert folder.exists("lock.json")


def test_nothing_is_left_of_a_lock_under_which_nothing_was_written(folder: Folder, tmp_path: Path) -> None:
    take(folder)
    left = [path for path in tmp_path.rglob("*") if path.name != "group"]
    assert left == []
    assert folder.local is None or not (tmp_path / "group").exists()


def test_what_was_written_under_a_lock_stays(folder: Folder) -> None:
    with held(folder, print, renewal_s=RENEWAL_S):
        folder.write("manifest.yaml", "x")
    assert folder.names() == ("manifest.yaml",)
    take(folder)
    assert folder.names() == ("manifest.yaml",)


def test_a_second_process_is_told_who_works_and_the_first_goes_on(folder: Folder) -> None:
    with holder(folder) as process:
        with pytest.raises(InputError, match=IN_USE.format(pid=process.pid)) as refused:
            take(folder)
        assert str(refused.value).startswith(f"the experiment {folder.uri} is")
        assert folder.exists("lock.json")
        with pytest.raises(InputError, match=IN_USE.format(pid=process.pid)):
            take(folder)


def test_a_killed_owner_holds_nothing(folder: Folder) -> None:
    with holder(folder) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        said: list[str] = []
        begun = time.monotonic()
        take(folder, said)
        assert time.monotonic() - begun < 4 * RENEWAL_S  # it is not waited for
        assert said == []


def test_a_child_of_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path / "name"))
    with holder(folder, "fork") as process:
        time.sleep(0.5)  # it takes the child a moment to let go
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        take(folder)


def test_two_that_begin_at_once_do_not_both_begin(folder: Folder) -> None:
    outcomes: list[str] = []

    def begin() -> None:
        try:
            with held(folder, [].append, renewal_s=RENEWAL_S):
                outcomes.append("begun")
                time.sleep(4 * RENEWAL_S)
        except InputError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("begun") == 1
    assert sum("is in use by process" in outcome for outcome in outcomes) == 3


@pytest.mark.parametrize("machine", ["another boot", "unknown"])
def test_an_owner_elsewhere_without_a_sign_of_life_is_followed(tmp_path: Path, machine: str) -> None:
    folder = Folder.at(f"file://{tmp_path}") / "name"
    folder.write("lock.json", Owner("far", os.getpid(), "2026-01-01", machine, "key").dump())
    said: list[str] = []
    take(folder, said)
    assert said == [f"process {os.getpid()} on far had this experiment: waiting 0.5 s for a sign of life"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": 0}', json.dumps({"pid": -1, "host": "x"}), "null"])
def test_a_lock_that_is_not_whole_is_nobodys_when_it_stays_so(folder: Folder, text: str) -> None:
    folder.write("lock.json", text)
    take(folder)


def test_a_lock_that_is_not_whole_but_changes_is_somebodys(tmp_path: Path) -> None:
    folder = Folder.at(f"file://{tmp_path}") / "name"
    folder.write("lock.json", "{")
    timer = threading.Timer(2.5 * RENEWAL_S, folder.write, ("lock.json", "{{"))
    timer.start()
    with pytest.raises(InputError, match="is in use by another process; wait"):
        take(folder)
    timer.join()


def test_an_owner_whose_lock_was_taken_over_ends_and_leaves_it_alone(tmp_path: Path) -> None:
    folder = Folder.at(f"file://{tmp_path}") / "name"
    other = Owner("far", 1, "2026-01-01", "another boot", "key").dump()
    with holder(folder) as process:
        folder.write("lock.json", other)
        _, error = process.communicate(timeout=20)
        assert process.returncode == 1
        assert error == f"failed: another process has taken over the experiment {folder.uri}\n"
    assert folder.read("lock.json") == other


def test_a_disk_without_locks_is_watched_for_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    folder = Folder.at(str(tmp_path / "name"))
    with held(folder, print, renewal_s=RENEWAL_S):
        first = folder.read("lock.json")
        with pytest.raises(InputError, match=IN_USE.format(pid=os.getpid())):
            take(folder)
        assert folder.read("lock.json") != first
    assert not folder.exists()
