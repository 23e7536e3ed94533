"""What is pickled with a run is, where it is unpickled, the one that was begun there."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from ray import cloudpickle

from tuner.raytune.resident import Resident

ROOT = Path(__file__).parents[2]


class Watcher(Resident):
    """One that cannot be pickled by itself."""

    def __init__(self) -> None:
        self.say = lambda: "here"


class Other(Watcher):
    """Of another class."""


def test_a_copy_is_the_one_of_this_process() -> None:
    first, other = Watcher().begin(), Other().begin()
    for copied in (
        copy.deepcopy(first),
        pickle.loads(pickle.dumps(first)),
        cloudpickle.loads(cloudpickle.dumps(first)),
    ):
        assert copied is first
    packed = pickle.dumps([first, other])
    second = Watcher().begin()
    assert pickle.loads(packed)[0] is second
    assert pickle.loads(packed)[1] is other
    assert Watcher.current() is second


def test_without_one_there_is_none() -> None:
    with pytest.raises(LookupError, match="no Watcher was begun in this process"):
        Watcher.current()


def test_in_another_process_it_is_the_one_of_that(tmp_path: Path) -> None:
    from tuner.raytune.stopper import Limits, StopEarly

    (tmp_path / "stopper").write_bytes(pickle.dumps(StopEarly(Limits(seconds=-1)).begin()))
    code = f"""
import pickle
from tuner.raytune.stopper import Limits, StopEarly
own = StopEarly(Limits(seconds=3600, give_up=True, spared="base")).begin()
assert pickle.load(open({str(tmp_path / "stopper")!r}, "rb")) is own
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=ROOT)
