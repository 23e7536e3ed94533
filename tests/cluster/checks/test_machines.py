"""Machines of one's own, with an ssh that only notes what it is asked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.stack import ROOT, lines
from tuner.cluster.checks.machines import machines
from tuner.cluster.checks.storage import storage
from tuner.cluster.file import ClusterFile, read_cluster

SSH = """#!/bin/bash
echo "$*" >> "$HOME/calls"
case "$*" in *192.0.2.12*) echo "me@192.0.2.12: Permission denied (publickey)." >&2; exit 255;; esac
"""
DENIED = "me@192.0.2.12: Permission denied (publickey)."
Local = Callable[..., ClusterFile]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    """The cluster of cluster-local.yaml with some texts replaced."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(SSH)
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))

    def make(*changes: tuple[str, str]) -> ClusterFile:
        text = (ROOT / "cluster-local.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "local.yaml").write_text(text)
        return read_cluster(tmp_path / "local.yaml")

    return make


def test_every_machine_is_asked_and_none_may_ask_back(local: Local, tmp_path: Path) -> None:
    assert lines(machines(local())) == [
        "ok: ssh to 192.0.2.10",
        "ok: ssh to 192.0.2.11",
        f"problem: ssh to 192.0.2.12 fails ({DENIED}); it must work without a question: ssh me@192.0.2.12 true",
    ]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 3
    assert all("BatchMode=yes" in call and "ConnectTimeout=5" in call for call in calls)
    assert all(call.endswith(" true") and f"-i {tmp_path}/.ssh/id_ed25519 -l me -- 192.0.2.1" in call for call in calls)


def test_an_address_is_never_taken_for_an_option(local: Local, tmp_path: Path) -> None:
    lines(machines(local(("192.0.2.11", "-oProxyCommand=touch x"))))
    assert any("-- -oProxyCommand=touch x true" in call for call in (tmp_path / "calls").read_text().splitlines())


def test_a_user_is_needed_and_workers_are_not(local: Local) -> None:
    (line,) = lines(machines(local(("ssh_user: me ", "ssh_proxy_command: a "))))
    assert line.endswith("auth.ssh_user is missing; name the user that Ray is to be on the machines")
    found = lines(machines(local(("[192.0.2.11, 192.0.2.12]", "[]"))))
    assert found[0].endswith("provider.worker_ips is empty: the head alone would do the work")
    assert found[1:] == ["ok: ssh to 192.0.2.10"]


def test_without_ssh_it_is_said(local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lines(machines(local()))[0].startswith("problem: ssh cannot be started (")


def test_a_folder_must_be_the_same_everywhere(local: Local) -> None:
    (line,) = lines(storage(local(("s3://my-bucket/tuner ", "/mnt/tuner "))))
    assert line.startswith("note: ")
    assert line.endswith("storage is /mnt/tuner: every machine must have this folder, and it must be the same one")
