"""The cloud as tests see it."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any

from tests.cluster.cloud import host

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Instance:
    """What EC2 says of an instance.

    Attributes:
        id: Of the instance.
        type: Such as `g5.xlarge`.
        market: `spot` or `on-demand`.
        image: The id of its image.
        private_ip: Its address in the VPC; None once it is terminated.
        public_ip: Its public address, if it has one.
        state: `pending`, `running`, `stopped`, `terminated`, ...
        tags: Name to value.
    """

    id: str
    type: str
    market: str
    image: str
    private_ip: str | None
    public_ip: str | None
    state: str
    tags: dict[str, str]


class Cloud:
    """A region of AWS on this machine, while it is entered.

    It has no uplink. Every instance has a box, which its key pair's owner can log in to as ubuntu. Commands run on a
    laptop with an account's credentials. All that runs dies with the process that has entered it. Security groups and
    IAM policies are known and not enforced.

    Args:
        folder: An empty one, for logs and for the laptop's home.
        region: Its name.
    """

    def __init__(self, folder: Path, region: str = "us-west-2") -> None:
        self.folder, self.region = folder, region
        self.home = folder / "home"
        self.user = f"laptop-{sha256(str(folder).encode()).hexdigest()[:8]}"
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()

    @staticmethod
    def missing() -> str:
        """Why there can be no cloud on this machine; empty if there can."""
        return host.missing()

    def __enter__(self) -> "Cloud":
        for folder in (self.home, self.folder / "tmp"):
            folder.mkdir(mode=0o700)
        with (self.folder / "region.log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "unshare", *host.NAMESPACES),
                    *("--pid", "--mount-proc", "--fork", "--kill-child"),
                    *(sys.executable, "-m", "tests.cluster.cloud.region", self.region, str(self.folder)),
                ],
                cwd=ROOT,
                env=host.region_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            self._answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._running(), None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        # where Ray leaves ssh's sockets, by the user's name
        shutil.rmtree(f"/tmp/ray_ssh_{sha256(self.user.encode()).hexdigest()[:10]}", ignore_errors=True)

    def instances(self) -> list[Instance]:
        """All that there are and were, in the order of their launch."""
        return [Instance(**told) for told in self._order("instances")]

    def live(self) -> list[Instance]:
        """Those that are pending or running."""
        return [instance for instance in self.instances() if instance.state in ("pending", "running")]

    def boxes(self) -> list[str]:
        """The ids of the instances whose machines run."""
        return list(self._order("boxes"))

    def kill(self, instance_id: str) -> None:
        """The instance's machine is dead, without a warning, and EC2 says that it is terminated."""
        self._order("kill", instance_id)

    def give_notice(self, instance_id: str, seconds: float = 120) -> None:
        """The instance's metadata has a spot notice; it is killed when the time is up."""
        self._order("give_notice", instance_id, seconds)

    def no_capacity(self, market: str = "spot", instance_type: str = "g5.xlarge") -> None:
        """No such instance can be launched until there is capacity again."""
        self._order("no_capacity", market, instance_type)

    def capacity_again(self) -> None:
        """Everything can be launched."""
        self._order("capacity_again")

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | IO[Any] | None = subprocess.DEVNULL,
        stderr: int | IO[Any] | None = subprocess.STDOUT,
    ) -> subprocess.Popen[str]:
        """A command runs on the laptop, in a session of its own.

        `os.killpg(process.pid, SIGINT)` is its Ctrl-C. It dies with the process that is returned.
        """
        target = self._running().pid
        inside = ["--target", str(target), *host.NAMESPACES, f"--pid=/proc/{target}/ns/pid_for_children"]
        return subprocess.Popen(
            [
                *("env", "--ignore-signal=INT", "nsenter", *inside, f"--wdns={cwd or self.home}", "--"),
                *("env", "--default-signal=INT", "setpriv", "--pdeathsig", "KILL", *command),
            ],
            env={**host.laptop_environment(self.folder, self.user, self.region), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def run(
        self, command: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What a command on the laptop said, and its exit code.

        Raises:
            subprocess.TimeoutExpired: It took longer, and is dead.
        """
        # files: ssh leaves a process that holds a pipe for 10 s
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with self.start(command, env=env, cwd=cwd, stdout=out, stderr=err) as process:
                try:
                    code = process.wait(timeout)
                except BaseException:
                    process.kill()
                    raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, code, out.read(), err.read())

    def _order(self, *order: object) -> Any:
        process = self._running()
        assert process.stdin is not None
        with self._lock:
            print(json.dumps(order), file=process.stdin, flush=True)
            return self._answer()

    def _answer(self) -> Any:
        process = self._running()
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the region ended: {(self.folder / 'region.log').read_text()[-2000:]}")
        return json.loads(line)

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it is not entered"
        return self._process
