"""A disk that is full ends a run with one sentence; with room, the run goes on as if nothing had been."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from benchmarks.killing import Killed, config_of

CONFIG = config_of(eval_steps=5, max_steps=40, units=300)
MUTATIONS = """
change_training:
  - learning_rate: [0.001]
"""
SMALL, LARGE = "3m", "200m"
"""A checkpoint is 0.7 MB, and two or three of each trial are kept."""


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def run(make: Callable[..., Killed]) -> Iterator[Killed]:
    """One whose results lie on a disk of their own."""
    made = make(CONFIG, MUTATIONS, ("--finals", "0", "--no-retrain"))
    disk = made.folder / "ray_results"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    try:
        mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(disk))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a disk cannot be mounted here: {error.stderr.decode()}")
    yield made
    if made.alive:
        made.kill_driver()
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_ends_a_run_that_then_goes_on(run: Killed) -> None:
    disk = run.folder / "ray_results"
    run.start()
    assert run.end(120) == 1, run.said
    told = f"failed: there is no room in the storage, {run.results}, or on this machine"
    assert run.said.splitlines()[-1].startswith(told)
    assert "No space left on device" in run.said
    assert run.said.splitlines()[-1].endswith("make some, and go on with --resume")
    assert "Traceback" not in run.said
    mount("-o", f"remount,size={LARGE}", str(disk))
    run.start()
    assert run.end(120) == 0, run.said
    for trial in ("base", "change_training-learning_rate=0.001"):
        assert run.steps(trial) == list(range(5, 41, 5))
