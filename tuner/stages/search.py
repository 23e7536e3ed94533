"""The first stage: every variant, cheaply."""

from typing import Any

from tuner.errors import Interrupted, TunerError
from tuner.raytune.stopper import Limits
from tuner.results.arrays import write_responses
from tuner.results.origin import origin_of
from tuner.seeding import seed_of
from tuner.stages.budget import Budget
from tuner.stages.job import Job
from tuner.stages.trials import Crew, open_log

ENDED = "search_ended.txt"


def search(job: Job, crew: Crew, manifest: dict[str, Any] | None, budget: Budget) -> None:
    """Every trial has ended, or the search's share of the time has passed.

    Args:
        job: What to search.
        crew: What with.
        manifest: Of a new experiment; None goes on with one that was begun.
        budget: Of time.

    Raises:
        Interrupted: trials are left.
        TunerError: time was up before anything was measured.
    """
    if manifest is not None:
        job.experiment.begin(manifest, job.entries, origin_of(job.dataset, job.seed))
    open_log(crew)
    if manifest is not None or not is_searched(job):
        write_responses(job.experiment.folder, job.dataset)
        limits = Limits(seconds=budget.for_search(), give_up=True, spared=job.entries[0].name)
        ended = crew.run(
            job.experiment,
            job.entries,
            job.experiment.records(),
            {entry.name: seed_of(job.seed, entry.name) for entry in job.entries},
            limits,
        )
        if len(ended) < len(job.entries):
            raise Interrupted
        if budget.seconds is not None and not any(record.measurements for record in job.experiment.records()):
            raise TunerError("time was up before anything was measured; begin another experiment with more")
        job.experiment.folder.write(ENDED, "every trial has ended, or its time was up\n")


def is_searched(job: Job) -> bool:
    """Whether the search has ended."""
    return job.experiment.folder.exists(ENDED)
