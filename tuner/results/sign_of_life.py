"""A lock on storage that knows none: its owner writes a count that goes on, and others watch whether it does."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tuner.errors import InputError, TunerError
from tuner.folder import Folder
from tuner.results.files import LOCK
from tuner.results.owner import Owner, in_use, read_owner

RENEWAL_S = 5.0
SETTLED_S = 1.0
"""More than there is between two lines of this file, with a storage that is far away."""
WATCHED = 5
"""Renewals that a live owner never misses all; no clock is compared, since clocks jump and differ."""


@contextmanager
def renewed(folder: Folder, me: Owner, say: Callable[[str], None], renewal_s: float) -> Iterator[None]:
    """The lock's file is this process's, and goes on to be written.

    Should another process take it over, since nothing was heard of this one for long, this one ends at once, with exit
    code 1: whatever it wrote would be written into the other's work.

    Raises:
        InputError: another process works on the experiment, or the storage cannot be written.
    """
    new = not folder.exists()
    _wait_for_silence(folder, say, renewal_s)
    signs = _SignsOfLife(folder, me, renewal_s)
    try:
        try:
            folder.write(LOCK, me.dump())
        except TunerError as error:
            if not folder.exists(LOCK):  # else another process has written it at this moment, and one of them has it
                raise InputError(str(error)) from None
        time.sleep(min(renewal_s, SETTLED_S))  # whoever saw no lock before it was written has written its own by now
        found = folder.read(LOCK)
        if found != me.dump():
            raise in_use(folder.uri, read_owner(found))
        signs.thread.start()
        yield
    finally:
        signs.end()
        with suppress(TunerError):  # what the storage keeps of it is found to be without life
            if signs.is_own():
                folder.remove(LOCK)
            if new and not folder.names():
                folder.remove()


class _SignsOfLife:
    """Writes the lock's file anew every few seconds, until it ends or finds another's."""

    def __init__(self, folder: Folder, me: Owner, renewal_s: float) -> None:
        self._folder, self._me, self._renewal_s = folder, me, renewal_s
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._go_on, daemon=True)

    def end(self) -> None:
        """No more is written."""
        self._ended.set()
        if self.thread.is_alive():
            self.thread.join(self._renewal_s)

    def is_own(self) -> bool:
        """Whether the file is still this process's."""
        owner = read_owner(self._folder.read(LOCK))
        return owner is not None and owner.key == self._me.key

    def _go_on(self) -> None:
        count = 0
        while not self._ended.wait(self._renewal_s):
            with suppress(TunerError):  # the storage may answer again next time
                if not self.is_own():
                    os.write(2, f"failed: another process has taken over the experiment {self._folder.uri}\n".encode())
                    os._exit(1)
                count += 1
                self._folder.write(LOCK, self._me.dump(count))


def _wait_for_silence(folder: Folder, say: Callable[[str], None], renewal_s: float) -> None:
    """Nobody holds the lock, or nothing was heard of its owner while it should have renewed it several times.

    Raises:
        InputError: something was.
    """
    first = folder.read(LOCK)
    owner = read_owner(first)
    if not folder.exists(LOCK) or (owner and owner.dead):
        return
    who = f"process {owner.pid} on {owner.host}" if owner else "another process"
    say(f"{who} had this experiment: waiting {WATCHED * renewal_s:g} s for a sign of life")
    for _ in range(WATCHED):
        time.sleep(renewal_s)
        text = folder.read(LOCK)
        if not folder.exists(LOCK):
            return
        if text != first:
            raise in_use(folder.uri, read_owner(text) or owner)
