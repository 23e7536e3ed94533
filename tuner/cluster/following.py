"""A job's output on this machine, though the connection may come and go: a laptop sleeps."""

import time
from collections.abc import Callable

from tuner.cluster.jobs import LOST, Job, Jobs
from tuner.cluster.tunnel import NoClusterError
from tuner.errors import InputError, Interrupted, TunerError, clause

LOST_S, PAUSE_S = 600.0, 2.0
UNKNOWN = "status code 404"
FETCH = "tuner fetch brings what lies in the storage, and tuner submit --resume goes on with it"


def followed(jobs: Jobs, name: str, reconnect: Callable[[], None], write: Callable[[str], None]) -> Job:
    """The job as it ended; all that it printed was written.

    Args:
        jobs: Of the cluster.
        name: Of the job.
        reconnect: Opens the way to the cluster again.
        write: Takes text.

    Raises:
        TunerError: the cluster has not answered for long, or does not know the job any more.
    """
    job = _state(jobs, name, reconnect, write)
    if not job.runs:
        write(jobs.printed(name))
        return job
    shown, job = _shown(jobs, name, write, 0), _state(jobs, name, reconnect, write)
    while job.runs:  # the connection was lost
        time.sleep(PAUSE_S)
        shown, job = _shown(jobs, name, write, shown), _state(jobs, name, reconnect, write)
    _shown(jobs, name, write, shown)  # it may have ended while there was none
    return job


def _shown(jobs: Jobs, name: str, write: Callable[[str], None], before: int) -> int:
    """What the job prints is written, but for so many characters at its beginning; how many were by now."""
    came = 0
    for text in jobs.output(name):
        new = text[max(0, before - came) :]
        came += len(text)
        if new:
            write(new)
    return max(before, came)


def awaited(jobs: Jobs, name: str, reconnect: Callable[[], None], write: Callable[[str], None]) -> Job:
    """The job as it ended; nothing is written but that the connection is lost.

    Args:
        jobs: As `followed` has them, and the others.
        name: As above.
        reconnect: As above.
        write: As above.

    Raises:
        TunerError: as `followed`.
    """
    while (job := _state(jobs, name, reconnect, write)).runs:
        time.sleep(PAUSE_S)
    return job


def _state(jobs: Jobs, name: str, reconnect: Callable[[], None], write: Callable[[str], None]) -> Job:
    begun, told = time.monotonic(), False
    while True:
        try:
            reconnect()
            return jobs.state(name)
        except NoClusterError as error:
            raise TunerError(f"{error}; {FETCH}") from None
        except (InputError, *LOST) as error:
            if UNKNOWN in str(error):
                raise TunerError(f"the cluster knows no job {name} any more: it was started anew; {FETCH}") from None
            if time.monotonic() - begun > LOST_S:
                raise TunerError(f"the cluster no longer answers ({clause(error)}); {FETCH}") from None
            if not told:
                write("the connection to the cluster is lost: trying again\n")
                told = True
            time.sleep(PAUSE_S)


def was_stopped(job: Job) -> bool:
    """Whether somebody ended it."""
    return job.status == "STOPPED" or job.exit_code == Interrupted.exit_code


def check_end(job: Job) -> None:
    """Nothing happens if the job has done its work. How to go on it has said itself, unless it was not its own end.

    Raises:
        InputError: it says that its input is wrong.
        Interrupted: it was stopped.
        TunerError: it failed.
    """
    if job.status == "SUCCEEDED":
        return
    if job.exit_code == InputError.exit_code:
        raise InputError(f"{job.name} was refused, as it says above")
    if job.exit_code == Interrupted.exit_code:
        raise Interrupted(f"{job.name} was stopped")
    again = f"go on with: {job.resumed}"
    if was_stopped(job):
        raise Interrupted(f"{job.name} was stopped; {again}")
    if job.exit_code is not None:
        raise TunerError(f"{job.name} failed, as it says above")
    raise TunerError(f"{job.name} failed: {clause(RuntimeError(job.message or job.status.lower()))}; {again}")
