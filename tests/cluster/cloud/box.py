"""One box: the machine of an instance."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cloud import network

SCRIPT = Path(__file__).with_name("box.sh")
SHOWN = (sys.prefix, sys.base_prefix)
"""The Python environment of the tests."""


@dataclass(frozen=True)
class Machine:
    """What a box is to be.

    Attributes:
        instance: The instance's id.
        private: Its address in the VPC.
        public: Its public address, if it has one.
        host: Its full host name.
        key: The public key of the instance's key pair.
        environment: What every session's environment holds.
    """

    instance: str
    private: str
    public: str | None
    host: str
    key: str
    environment: dict[str, str]


class Box:
    """A machine that runs.

    Args:
        machine: What it is to be.
        folder: Where its log goes.
    """

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        network.attach(machine.instance, machine.private, machine.public)
        with (folder / f"{machine.instance}.log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    *("nsenter", f"--net=/run/netns/{machine.instance}"),
                    *("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"),
                    *("sh", str(SCRIPT)),
                ],
                env={"PATH": os.environ["PATH"], **_told(machine, folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether its first process does."""
        return self.process.poll() is None

    def kill(self) -> None:
        """It is off the network, and all that ran on it is dead, as if the power was cut."""
        network.cut(self.machine.instance)
        self.process.kill()
        self.process.wait()


def _told(machine: Machine, folder: Path) -> dict[str, str]:
    short = machine.host.partition(".")[0]
    return {
        "BOX_MOUNT": str(folder / "mount"),
        "BOX_SHOWN": " ".join(path for path in dict.fromkeys(SHOWN) if not path.startswith("/usr")),
        "BOX_HOSTS": f"{machine.private} {machine.host} {short}",
        "BOX_NAME": short,
        "BOX_KEY": machine.key,
        "BOX_SETENV": " ".join(f"{name}={value}" for name, value in machine.environment.items()),
    }
