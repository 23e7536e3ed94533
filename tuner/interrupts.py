"""Ctrl-C: what it does, and that a second one ends the process at once.

An exception in the middle of an import, or of what Ray does as it starts and ends, brings tracebacks, and C++ code that
aborts. So a command ends at once while it has nothing to put in order. What else there is says so by `in_order`. The
signals are counted by a thread, since others (Ray's) may handle one, and since the main thread may wait in C code.
"""

import atexit
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

EXIT_CODE = 130
AS_TYPED = "TUNER_AS_TYPED"
"""Variable of the environment: the command that the user has typed, where this one runs for it."""
SHOW_CURSOR = b"\x1b[?25h"
"""A table that is drawn anew all the time hides it."""


@dataclass
class _State:
    """What Ctrl-C means now.

    Attributes:
        line: What is said at the end; empty once something was.
        code: The process's exit code, if Ctrl-C ends it.
        bearable: How often it may be pressed without that.
        pressed: How often it was.
        over: Whether the command is.
    """

    line: str = ""
    code: int = EXIT_CODE
    bearable: int = 0
    pressed: int = 0
    over: bool = False


_state = _State()
_counting = threading.RLock()
_pipe: list[int] = []


def own_process() -> None:
    """This process is a command's, whose other modules are about to be imported.

    Once the command is over and Ray has been shut down, the process ends. Python's own end takes seconds with PyTorch
    and Ray in it, and signals are as they were before.
    """
    watch("interrupted: go on with the same command")
    atexit.register(_end_if_over)  # first, so that it is called last


def watch(line: str) -> None:
    """From now on Ctrl-C ends the process at once, with this line and exit code 130."""
    global _state  # of the process, as its signals are
    if threading.current_thread() is not threading.main_thread():
        return
    if not _pipe:
        _pipe.extend(os.pipe())
        for end in _pipe:
            os.set_blocking(end, False)
        threading.Thread(target=_count_on, daemon=True).start()
    _state = _State(line)
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, _pressed)


@contextmanager
def in_order(more: str = "") -> Iterator[None]:
    """Meanwhile the first Ctrl-C is a `KeyboardInterrupt`, unless somebody else handles it; the second is as before.

    Args:
        more: What is added to the line, from now on.
    """
    _state.line, _state.bearable = f"{_state.line} {more}".rstrip(), 1
    try:
        yield
    finally:
        _state.bearable = _state.pressed


def heed() -> None:
    """Nothing happens, unless Ctrl-C was pressed and somebody else has handled it.

    Raises:
        KeyboardInterrupt: it was.
    """
    _count()
    if _state.pressed:
        raise KeyboardInterrupt


def told() -> None:
    """The user knows how to go on: it is not said again."""
    _state.line = ""


def over(code: int) -> None:
    """The work is done, or has failed, and all is said: Ctrl-C ends what is left of the process."""
    _state.line, _state.code, _state.bearable, _state.over = "", code, _state.pressed, True


def _end_if_over() -> None:
    if _state.over:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(_state.code)


def _pressed(number: int, frame: FrameType | None) -> None:
    _count()
    _end_if_unbearable()
    raise KeyboardInterrupt


def _count_on() -> None:
    while True:
        select.select([_pipe[0]], [], [])
        _count()
        _end_if_unbearable()


def _count() -> None:
    """All signals that came are counted, each once."""
    with _counting:
        try:
            came = os.read(_pipe[0], 1024) if _pipe else b""
        except BlockingIOError:
            return
        _state.pressed += came.count(signal.SIGINT)


def _end_if_unbearable() -> None:
    if _state.pressed > _state.bearable:
        with _counting:  # both threads may come here
            if os.isatty(1):
                os.write(1, SHOW_CURSOR)
            if _state.line:
                os.write(2, f"{_state.line}\n".encode())
            os._exit(_state.code)
