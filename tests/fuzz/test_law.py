import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.hostile.damage import Spy
from benchmarks.hostile.law import ACCEPTED, MAX_CHARACTERS, REFUSED, judged
from benchmarks.hostile.loaders import Loader
from tuner.errors import InputError


def written(folder: Path, rng: Random) -> None:
    (folder / "file").write_bytes(pickle.dumps(Spy()))


def says(text: str) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        raise InputError(text)

    return read


READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a value": (lambda folder: 7, ACCEPTED),
    "another value": (lambda folder: "7", "gives a str"),
    "a sentence": (says("x: this is not right"), REFUSED),
    "two lines": (says("x\ny"), "not printable: 'x\\ny'"),
    "a novel": (says("x" * (MAX_CHARACTERS + 1)), f"{MAX_CHARACTERS + 1} characters: "),
    "a traceback": (lambda folder: {}["x"], "KeyError: \"'x'\" in test_law.py"),
    "a spy that is run": (
        lambda folder: pickle.loads((folder / "file").read_bytes()).close(),
        "left on disk: ['sprung']",
    ),
    "a file beside it": (lambda folder: (folder / "more").touch(), "left on disk: ['input/more']"),
    "much memory": (lambda folder: len(bytes(b"x" * 400_000_000)), f"{ACCEPTED}, with "),
}


@pytest.mark.parametrize("case", READERS)
def test_the_law_tells_what_a_loader_did(tmp_path: Path, case: str) -> None:
    read, outcome = READERS[case]
    before = Path.cwd()
    assert judged(Loader("one", written, read, int), Random(0), tmp_path).startswith(outcome)
    assert (list(tmp_path.iterdir()), Path.cwd()) == ([], before)
