"""What cluster.yaml and cluster-local.yaml promise."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config
from setuptools.config.setupcfg import read_configuration

from tuner.cluster.checks.local import read_pins
from tuner.cluster.file import read_cluster

ROOT = Path(__file__).parents[2]
FILES = ["cluster.yaml", "cluster-local.yaml"]


def values(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def starts(name: str) -> list[str]:
    found = values(name)
    return [line for key in ("head", "worker") for line in found[f"{key}_start_ray_commands"] if "ray start" in line]


@pytest.mark.parametrize("name", FILES)
def test_ray_and_we_take_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    validate_config(prepare_config(values(name)))
    assert read_cluster(name).storage.startswith("s3://")


@pytest.mark.parametrize("name", FILES)
def test_every_start_of_ray_asks_for_the_token_and_every_node_gets_it(name: str) -> None:
    lines = starts(name)
    assert len(lines) == 2
    assert all(re.search(r"RAY_AUTH_MODE=token (\S+=\S+ )*ray start ", line) for line in lines)
    assert any(key.endswith("/.ray/auth_token") for key in values(name)["file_mounts"])


@pytest.mark.parametrize("name", FILES)
def test_the_dashboard_listens_on_the_head_alone_and_no_port_is_opened(name: str) -> None:
    head, worker = starts(name)
    assert "--dashboard-host=127.0.0.1" in head
    assert "dashboard" not in worker
    text = (ROOT / name).read_text()
    assert "IpPermissions" not in text
    assert "0.0.0.0" not in text
    assert not re.search(r"client-server-port|-p \d|docker", text)


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_and_run_is_there(name: str) -> None:
    found = values(name)
    for local in found["file_mounts"].values():
        assert local.startswith("~") or (ROOT / local).exists()
    assert found["setup_commands"] == ["bash ~/tuner-node/setup/setup.sh"]
    assert "cluster" in found["file_mounts"].values()


def test_the_pins_satisfy_what_the_package_requires() -> None:
    pins = read_pins(ROOT / "cluster" / "requirements.txt")
    options = read_configuration(ROOT / "setup.cfg")["options"]
    for line in [*options["install_requires"], *options["extras_require"]["aws"]]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[wanted.name]), line


def test_every_line_of_the_pins_is_one_version() -> None:
    text = (ROOT / "cluster" / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(read_pins(ROOT / "cluster" / "requirements.txt")) == len(lines)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line) for line in lines)
