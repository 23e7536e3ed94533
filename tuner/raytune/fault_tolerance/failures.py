"""Why a trial failed, and whether it is tried again."""

import logging
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ray.tune.experiment import Trial

from tuner.errors import last_line
from tuner.raytune.assignment import Assignment, name_of

Kind = Literal["preempted", "out of memory", "no room in the storage", "wrong input", "unknown error"]
NO_ROOM: Kind = "no room in the storage"
ATTEMPTS = 3
"""That a trial is tried again for an unknown reason without getting further."""

SIGNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("unknown error", re.compile("is not a whole checkpoint|cannot be read")),  # see `Recovery`
    ("preempted", re.compile(r"its node has died|was preempted|node was terminated|NodeDiedError")),
    (NO_ROOM, re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")),
    (
        "out of memory",
        re.compile(
            r"OutOfMemoryError|MemoryError|can't allocate memory|running low on memory|out of memory|ObjectStoreFull"
        ),
    ),
    ("wrong input", re.compile(r"tuner\.errors\.\w+")),
)
"""What Ray's, Python's and PyTorch's errors say; the first that is found counts."""
log = logging.getLogger(__name__)


def kind_of(error: str) -> Kind:
    """Why something failed, by the text of its error, of a remote process or of this one."""
    return next((kind for kind, sign in SIGNS if sign.search(error)), "unknown error")


class Failures:
    """Decides whether a trial is tried again.

    Where its machine was taken away, or is about to be, always. Out of memory, with smaller stacks of networks. If the
    storage has no room, later: the run ends, and is gone on with once there is. If the input is wrong, never. Else as
    long as it gets further, and three times where it does not.

    Args:
        leaving: Whether a trial's machine is about to be taken away, which may end its processes before Ray's own.

    Attributes:
        no_room: What is said if the storage has none; the run has then been told to end.
    """

    def __init__(self, leaving: Callable[[Trial], bool] = lambda trial: False) -> None:
        self.no_room, self._leaving = "", leaving
        self._kinds: dict[str, Kind] = {}
        self._attempts: dict[str, tuple[int, int]] = {}

    def is_tried_again(self, trial: Trial) -> bool:
        """Whether the trial, which has just failed, is."""
        name, error = name_of(trial.config), _last_error(trial)
        kind = kind_of(error)
        if kind == "unknown error" and self._leaving(trial):
            kind = "preempted"
        self._kinds[name] = kind
        again = self._decide(trial, name, kind, last_line(error))
        log.warning("%s: %s; it is %s", name, self.described(trial), "tried again" if again else "given up")
        return again

    def described(self, trial: Trial) -> str:
        """Why the trial failed, in one line."""
        kind, told = self._kinds.get(name_of(trial.config)), last_line(_last_error(trial))
        return ": ".join(part for part in (kind, told) if part) or "unknown error"

    def _decide(self, trial: Trial, name: str, kind: Kind, told: str) -> bool:
        if kind == "preempted":
            return True
        if kind == "wrong input":
            return False
        if kind == NO_ROOM:
            if not self.no_room:
                self.no_room = told
                signal.raise_signal(signal.SIGUSR1)  # Ray's own way to end a run that can be gone on with
            return True
        if kind == "out of memory":
            _with_smaller_stacks(trial)
        step, failed = self._attempts.get(name, (0, 0))
        reached = _step_of(trial)
        failed = 1 if reached > step else failed + 1
        self._attempts[name] = (reached, failed)
        return failed <= ATTEMPTS


def _with_smaller_stacks(trial: Trial) -> None:
    told = Assignment.of(trial.config)
    data = told.config.data
    together = max(1, (told.together or data.folds * data.repeats) // 2)
    trial.set_config(replace(told, together=together).plain())


def _step_of(trial: Trial) -> int:
    latest: Any = trial.latest_checkpoint_result
    return int(latest.metrics["step"]) if latest is not None else 0


def _last_error(trial: Trial) -> str:
    """Ray adds each failure to the file."""
    file = Path(trial.error_file) if trial.error_file else None
    text = file.read_text(errors="replace") if file and file.is_file() else ""
    return text.rpartition("Failure # ")[2]
