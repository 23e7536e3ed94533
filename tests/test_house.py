"""The checks of style, types and structure."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports", "--no-cache"]],
    ids=" ".join,
)
def test_the_house_is_in_order(command: list[str]) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readmes_test_command_is_the_one_that_ci_runs() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith("-m pytest")]
    assert len(lines) == 1
    assert lines[0].startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[test]'")


@pytest.mark.parametrize("room", ["engine", "dataset"])
def test_the_engine_runs_without_ray(room: str) -> None:
    code = f"""
import importlib, pkgutil, sys
sys.modules["ray"] = None
import tuner.{room} as room
for module in pkgutil.iter_modules(room.__path__):
    importlib.import_module(f"tuner.{room}.{{module.name}}")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
