"""Who works on an experiment, as the lock in its folder tells others."""

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tuner.errors import InputError

BOOT, PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class Owner:
    """A process that works on an experiment.

    Attributes:
        host: Its machine's name.
        pid: Its number there.
        since: When it began, on its own clock; for people only.
        machine: What has the same process numbers: one boot of one machine, or a container there. Empty if unknown.
        key: No other owner's.
    """

    host: str
    pid: int
    since: str
    machine: str
    key: str

    @staticmethod
    def here() -> "Owner":
        """This process, from now on."""
        since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
        return Owner(socket.gethostname(), os.getpid(), since, _machine(), uuid.uuid4().hex)

    @property
    def dead(self) -> bool:
        """Whether the process is known to have ended; of another machine's processes nothing is known."""
        if self.machine in ("", "unknown") or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False

    def dump(self, count: int = 0) -> str:
        """JSON text that `read_owner` reads; the count is a sign of life."""
        return json.dumps({**asdict(self), "count": count}) + "\n"


def read_owner(text: str) -> Owner | None:
    """The owner that the text of a lock's file tells of; None if it is not whole."""
    try:
        values = json.loads(text)
        values.pop("count", None)
        owner = Owner(**values)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    texts = (owner.host, owner.since, owner.machine, owner.key)
    if not all(isinstance(text, str) and len(text) <= 300 for text in texts):
        return None
    return owner if type(owner.pid) is int and 0 < owner.pid < 2**31 else None


def in_use(place: str, owner: Owner | None) -> InputError:
    """What is said to the second process on an experiment."""
    who = f"process {owner.pid} on {owner.host} since {owner.since}" if owner else "another process"
    return InputError(f"the experiment {place} is in use by {who}; wait until that ends, or end it")


def _machine() -> str:
    try:
        return f"{BOOT.read_text().strip()} {PROCESSES.readlink()}"
    except OSError:
        return "unknown"
