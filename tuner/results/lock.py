"""One process at a time works on an experiment; a dead one does not hold it."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuner.errors import InputError
from tuner.folder import Folder
from tuner.results.files import LOCK
from tuner.results.owner import Owner, in_use, read_owner
from tuner.results.sign_of_life import RENEWAL_S, renewed

NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
TRIES = 100
"""More than there can be processes that come and go between two lines of this file."""
WRITING_S = 0.5
"""Time in which an owner, having got the lock, tells who it is."""
_held = set[int]()


@contextmanager
def held(folder: Folder, say: Callable[[str], None], *, renewal_s: float = RENEWAL_S) -> Iterator[None]:
    """No other process works on the experiment meanwhile.

    In a local folder the kernel keeps the lock, and lets go of it when its owner dies. Elsewhere the owner shows signs
    of life. If nothing but the lock was written, the folder is gone again afterwards.

    Args:
        folder: The experiment's, which need not exist yet.
        say: Tells the user what is waited for.
        renewal_s: Seconds between two signs of life.

    Raises:
        InputError: another process works on it, or it cannot be written.
    """
    path, me = folder.local, Owner.here()
    new = _missing(path) if path else []
    try:
        descriptor = _locked(path) if path else None
        if path is None or descriptor is None:
            with renewed(folder, me, say, renewal_s):
                yield
        else:
            with _told(descriptor, path, me):
                yield
    finally:
        for place in new:
            with suppress(OSError):  # it holds something by now
                place.rmdir()


def _missing(path: Path) -> list[Path]:
    """The folder and those that enclose it, as far as they do not exist."""
    return [place for place in (path, *path.parents) if not os.path.lexists(place)]


def _locked(path: Path) -> int | None:
    """A descriptor of the folder's lock file, which the kernel keeps for this process; None if the disk knows no locks.

    Raises:
        InputError: another process has it, or it cannot be written.
    """
    for _ in range(TRIES):
        try:
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(
                path / LOCK, os.O_RDWR | os.O_CREAT, 0o666
            )  # not inherited by programs that are started
        except FileNotFoundError:  # the last owner has just removed the folder
            continue
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path / LOCK):
                return descriptor
        except BlockingIOError:
            owner = _owner(path / LOCK)
            os.close(descriptor)
            raise in_use(str(path), owner) from None
        except OSError as error:
            if os.fstat(descriptor).st_size == 0:
                (path / LOCK).unlink(missing_ok=True)
            if error.errno not in NO_FLOCK:
                os.close(descriptor)
                raise InputError(f"{path} cannot be locked: {error.strerror}") from None
            os.close(descriptor)
            return None
        os.close(descriptor)  # of a file that its owner has removed before it let go
    raise in_use(str(path), None)


@contextmanager
def _told(descriptor: int, path: Path, me: Owner) -> Iterator[None]:
    """The file tells others who has it; it is removed before the kernel lets go, so that nobody else's is."""
    _held.add(descriptor)
    try:
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, me.dump().encode(), 0)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from None
        yield
    finally:
        with suppress(OSError):
            (path / LOCK).unlink()
        _held.discard(descriptor)
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _owner(path: Path) -> Owner | None:
    """Who has the lock: it may have got it just now, and be about to tell."""
    deadline = time.monotonic() + WRITING_S
    while True:
        with suppress(OSError):
            owner = read_owner(path.read_text(errors="replace"))
            if owner is not None or time.monotonic() > deadline:
                return owner
        if time.monotonic() > deadline:
            return None
        time.sleep(WRITING_S / 10)


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)  # a child shares the lock, and would keep it when its parent dies
