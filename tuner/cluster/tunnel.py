"""The way to a cluster's dashboard, which listens on the head alone: Ray's own port forwarding by ssh."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from tuner.errors import InputError, last_line, short

READY_S = 60.0
POLL_S = 0.2
REASON = re.compile(r"The exception is: *(.*)")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


class NoClusterError(InputError):
    """There is no head of the cluster."""


class Tunnel:
    """A port of this machine that leads to the dashboard of the cluster in a file.

    Args:
        cluster_file: What `ray up` was given.

    Attributes:
        address: Where the dashboard is found here.
    """

    def __init__(self, cluster_file: str) -> None:
        self._file, self._port = cluster_file, _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._place = TemporaryDirectory()
        self._said = Path(self._place.name, "said")
        self.address = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Tunnel":
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """The port leads there, again if it once did.

        Raises:
            InputError: the cluster cannot be reached.
        """
        if self._process is not None and self._process.poll() is None and self._answers():
            return
        self._end()
        command = [sys.executable, "-m", "ray.scripts.scripts", "dashboard", self._file, "--port", str(self._port)]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603  # Ray's own command
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self._error(self._said.read_text(errors="replace"))
            time.sleep(POLL_S)

    def close(self) -> None:
        """Nothing is left of it."""
        self._end()
        self._place.cleanup()

    def _error(self, said: str) -> InputError:
        plain = COLOUR.sub("", said)
        told = (*REASON.findall(plain), last_line(plain) or "no answer")[0]
        if told.startswith("Head node of cluster"):
            return NoClusterError(f"the cluster in {self._file} does not run; start it with: ray up {self._file}")
        return InputError(f"the cluster in {self._file} cannot be reached: {short(told)}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2):
                return True
        except OSError:
            return False

    def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the ssh below it, too
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
