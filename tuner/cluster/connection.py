"""A connection to a cluster: its jobs, and the way there."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tuner import interrupts
from tuner.cluster.auth_token import read_token
from tuner.cluster.file import read_cluster
from tuner.cluster.following import awaited, followed
from tuner.cluster.jobs import Job, Jobs
from tuner.cluster.tunnel import Tunnel
from tuner.errors import Interrupted


@dataclass(frozen=True)
class Connection:
    """A cluster that answers.

    Attributes:
        jobs: Its jobs.
        reconnect: Opens the way there again, if it is closed.
    """

    jobs: Jobs
    reconnect: Callable[[], None]

    def follow(self, job: Job) -> Job:
        """The job as it ended; all that it printed is on this terminal.

        Raises:
            Interrupted: by Ctrl-C, which ends the showing and not the job.
            TunerError: the cluster has not answered for long.
        """
        with _ended_by_ctrl_c(f"{job.name} goes on; tuner attach shows it again, tuner stop ends it"):
            return followed(self.jobs, job.name, self.reconnect, _write)

    def wait_for(self, job: Job) -> Job:
        """The job as it ended.

        Raises:
            Interrupted: by Ctrl-C.
            TunerError: the cluster has not answered for long.
        """
        with _ended_by_ctrl_c(f"{job.name} was told to end; tuner attach shows whether it has"):
            return awaited(self.jobs, job.name, self.reconnect, _write)


@contextmanager
def _ended_by_ctrl_c(told: str) -> Iterator[None]:
    """Ctrl-C closes the way to the cluster in order, and says this."""
    with interrupts.in_order():
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(told) from None


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def connected(cluster_file: str, address: str | None) -> Iterator[Connection]:
    """The cluster in the file, or at the address, answers, and takes this machine's token.

    Raises:
        InputError: it does not.
    """
    token = read_token()
    if address is not None:
        yield Connection(Jobs(address, token), lambda: None)
        return
    read_cluster(cluster_file)  # that it cannot be read is said in our words
    with Tunnel(cluster_file) as tunnel:
        yield Connection(Jobs(tunnel.address, token), tunnel.open)
