"""The law that every loader is held to: a value, or one sentence; nothing is run, written, or waited for."""

import os
import resource
import shutil
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from benchmarks.hostile.loaders import Loader
from tuner.errors import InputError

MAX_CHARACTERS = 600
"""Of what is said, without the path of the folder."""
MAX_MB, BOUND_MB = 300, 6000
"""Of memory more than before: against the law, and ended."""
MAX_S = 20

REFUSED, ACCEPTED = "refused", "accepted"
STRAY = "left on disk"


class Hang(BaseException):
    """It took too long."""


@contextmanager
def bounded_memory() -> Iterator[None]:
    """A loader that asks for memory without end is refused it, before the machine is short of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (BOUND_MB << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def judged(loader: Loader, rng: Random, folder: Path) -> str:
    """`refused` or `accepted`, or how the law was broken.

    Args:
        loader: What is read.
        rng: What the input is made of.
        folder: Empty; it is empty again afterwards. It is the current one meanwhile, as spies are told.
    """
    place, current = folder / "input", Path.cwd()
    place.mkdir()
    os.chdir(folder)
    try:
        loader.write(place, rng)
        before, memory = _listing(folder), _reset_peak_mb()
        outcome = _outcome(loader, place)
        grown = _peak_mb() - memory
        if _listing(folder) != before:
            return f"{STRAY}: {sorted(_listing(folder) - before)}"
        return outcome if grown < MAX_MB else f"{outcome}, with {grown:.0f} MB"
    finally:
        os.chdir(current)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _outcome(loader: Loader, place: Path) -> str:
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("error")
            found = loader.read(place)
    except InputError as error:
        return _said(str(error).replace(str(place.parent), ""))
    except (Exception, Hang) as error:  # noqa: BLE001  # whatever it is, it is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]!r} in {Path(last.filename).name}:{last.lineno} {last.name}"
    return ACCEPTED if isinstance(found, loader.kind) else f"gives a {type(found).__name__}"


def _said(text: str) -> str:
    if not text.isprintable():
        return f"not printable: {text[:200]!r}"
    if not 1 <= len(text) <= MAX_CHARACTERS:
        return f"{len(text)} characters: {text[:200]}"
    return REFUSED


def _listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"after {MAX_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(MAX_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _reset_peak_mb() -> float:
    """The memory that the process has now; its peak counts from here. 0 where the system does not tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak_mb()
    return _peak_mb()


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
