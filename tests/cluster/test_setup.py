"""cluster/setup.sh in a home of its own, with an installer that only notes what it is asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = """#!/bin/bash
echo "$*" >> "$HOME/calls"
[ ! -e "$HOME/broken" ] || [ "$1" = venv ]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text(UV)
    (tmp_path / "bin" / "uv").chmod(0o755)
    (tmp_path / "node").mkdir()
    shutil.copy(ROOT / "cluster" / "setup.sh", tmp_path / "node")
    (tmp_path / "node" / "requirements.txt").write_text("ray==2.60.0\n")
    return tmp_path


def setup(home: Path) -> int:
    path = f"{home / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(["bash", home / "node" / "setup.sh"], env={"HOME": str(home), "PATH": path}, check=False)
    return done.returncode


def calls(home: Path) -> list[str]:
    return (home / "calls").read_text().splitlines()


def test_a_new_node_gets_the_packages_and_finds_them(home: Path) -> None:
    assert setup(home) == 0
    assert calls(home) == [
        f"venv --quiet --clear --python 3.12 {home}/tuner-env",
        f"pip install --quiet --python {home}/tuner-env/bin/python --requirement {home}/node/requirements.txt",
    ]
    assert (home / ".bashrc").read_text() == f"export PATH={home}/tuner-env/bin:$PATH\n"


def test_a_second_time_changes_nothing(home: Path) -> None:
    assert setup(home) == 0
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert setup(home) == 0
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_other_packages_are_installed_anew(home: Path) -> None:
    setup(home)
    (home / "node" / "requirements.txt").write_text("ray==2.61.0\n")
    assert setup(home) == 0
    assert len(calls(home)) == 4
    assert len((home / ".bashrc").read_text().splitlines()) == 1


def test_what_failed_is_tried_again(home: Path) -> None:
    setup(home)
    (home / "node" / "requirements.txt").write_text("ray==2.61.0\n")
    (home / "broken").touch()
    assert setup(home) != 0
    assert not (home / ".tuner-env-holds").exists()
    (home / "broken").unlink()
    assert setup(home) == 0
    assert len(calls(home)) == 6
    assert (home / ".tuner-env-holds").exists()


def test_what_stands_in_bashrc_stays(home: Path) -> None:
    (home / ".bashrc").write_text("alias l=ls\n")
    setup(home)
    assert (home / ".bashrc").read_text().splitlines()[0] == "alias l=ls"
