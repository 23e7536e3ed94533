"""Experiments as jobs of a Ray cluster: sent, found, followed, ended."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient

from tuner.errors import InputError, TunerError, clause
from tuner.interrupts import AS_TYPED

ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "RAY_AUTH_MODE": "token",
    "RAY_JOB_STOP_SIGNAL": "SIGINT",  # so that a run ends in order, as by Ctrl-C
    "RAY_JOB_STOP_WAIT_TIME_S": "120",
}
LOST = (OSError, RuntimeError, aiohttp.ClientError)
"""What Ray's client, aiohttp and requests raise if the cluster does not answer."""
TALKATIVE = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
EXPERIMENT, TYPED = "experiment", "typed"
"""In a job's metadata: group/name, and the command that the user has typed."""


@dataclass(frozen=True)
class Job:
    """A job on the cluster.

    Attributes:
        name: Ray's submission id.
        experiment: group/name.
        typed: The command that has sent it.
        status: Ray's word.
        message: Ray's, on how it ended.
        exit_code: Of its command; None while it runs, or if it was not the command that ended.
    """

    name: str
    experiment: str
    typed: str
    status: str
    message: str
    exit_code: int | None

    @property
    def resumed(self) -> str:
        """The command that goes on with the experiment."""
        return self.typed if "--resume" in self.typed.split() else f"{self.typed} --resume"

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return not JobStatus(self.status).is_terminal()


class Jobs:
    """The jobs of one cluster.

    Args:
        address: Where its dashboard is found.
        token: What it asks for.

    Raises:
        InputError: it is not there, or does not take the token.
    """

    def __init__(self, address: str, token: str) -> None:
        for talkative in TALKATIVE:
            logging.getLogger(talkative).setLevel(logging.WARNING)
        try:
            self._client = JobSubmissionClient(address, headers={"Authorization": f"Bearer {token}"})
            self._client.list_jobs()  # the first thing that asks for the token
        except AuthenticationError:
            raise InputError(
                f"the cluster at {address} does not take this machine's token: it was started with another one"
            ) from None
        except (ConnectionError, RuntimeError, ValueError) as error:
            told = clause(error)
            raise InputError(f"there is no Ray cluster at {address} ({told}); start one with ray up") from None

    @property
    def ray_version(self) -> str:
        """The cluster's."""
        return str(self._client._server_ray_version)

    def of(self, experiment: str) -> tuple[Job, ...]:
        """The experiment's jobs, the oldest first."""
        return tuple(job for job in self.all() if job.experiment == experiment)

    def all(self) -> tuple[Job, ...]:
        """Those of all experiments, the oldest first.

        Raises:
            TunerError: the cluster does not answer.
        """
        with _answering():
            found = [job for job in self._client.list_jobs() if (job.metadata or {}).get(EXPERIMENT)]
        return tuple(_job(job) for job in sorted(found, key=lambda job: job.start_time or 0))

    def last_of(self, experiment: str) -> Job:
        """The experiment's newest job.

        Raises:
            InputError: there is none.
        """
        jobs = self.of(experiment)
        if not jobs:
            known = ", ".join(sorted({job.experiment for job in self.all()})) or "none"
            raise InputError(
                f"the cluster has no job of {experiment}, but of: {known}; what an experiment left in the storage is "
                "fetched by tuner fetch"
            )
        return jobs[-1]

    def submit(self, experiment: str, command: str, folder: Path, typed: str) -> Job:
        """The command runs on the head, in a copy of the folder.

        Args:
            experiment: group/name.
            command: For a shell there.
            folder: On this machine.
            typed: The command that the user has typed here.

        Raises:
            InputError: a job of the experiment runs already.
            TunerError: the cluster does not take it.
        """
        before = self.of(experiment)
        if before and before[-1].runs:
            raise InputError(f"{before[-1].name} runs on the cluster already; follow it with tuner attach, or stop it")
        name = f"{experiment.replace('/', '~')}~{len(before) + 1}"  # which no group's or experiment's name holds
        runtime = {"working_dir": str(folder), "env_vars": {**ENVIRONMENT, AS_TYPED: typed}}
        told = {EXPERIMENT: experiment, TYPED: typed}
        try:
            self._client.submit_job(entrypoint=command, submission_id=name, runtime_env=runtime, metadata=told)
            return self.state(name)
        except (ValueError, *LOST) as error:
            raise TunerError(f"the cluster does not take the job: {clause(error)}") from None

    def state(self, name: str) -> Job:
        """The job as it is now.

        Raises:
            OSError, RuntimeError, aiohttp.ClientError: the cluster does not answer, or knows no such job.
        """
        return _job(self._client.get_job_info(name))

    def stop(self, name: str) -> bool:
        """The job is told to end in order; whether it ran.

        Raises:
            TunerError: the cluster does not answer.
        """
        with _answering():
            return bool(self._client.stop_job(name))

    def printed(self, name: str) -> str:
        """What the job has printed until now.

        Raises:
            TunerError: the cluster does not answer.
        """
        with _answering():
            return str(self._client.get_job_logs(name))

    def output(self, name: str) -> Iterator[str]:
        """What the job prints, from its beginning, as it comes; ends with the job, or with the connection."""
        loop, texts = asyncio.new_event_loop(), self._client.tail_job_logs(name)
        try:
            while True:
                yield loop.run_until_complete(anext(texts))
        except (StopAsyncIteration, *LOST):
            return
        finally:
            loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))  # after Ctrl-C there is one
            loop.run_until_complete(texts.aclose())  # type: ignore[attr-defined]  # it is a generator
            loop.close()


async def _cancelled(tasks: "set[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except LOST as error:
        raise TunerError(f"the cluster does not answer ({clause(error)}); try again") from None


def _job(details: Any) -> Job:
    told = details.metadata or {}
    name, status = details.submission_id or "", JobStatus(details.status).value
    return Job(
        name, told.get(EXPERIMENT, ""), told.get(TYPED, ""), status, details.message or "", details.driver_exit_code
    )
