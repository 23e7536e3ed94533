"""The first stage: every variant, cheaply."""

import math
from typing import Any

from tuner.command import say
from tuner.engine.stopping import hopeless_after
from tuner.errors import Interrupted, TunerError
from tuner.raytune.search.breeding import Breeding
from tuner.raytune.search.method import Method
from tuner.raytune.search.schedulers import EarlyEnding
from tuner.raytune.search.suggestions import Suggestions
from tuner.raytune.stopper import Limits
from tuner.raytune.trials import Trials
from tuner.reporting.summary import fewer
from tuner.results.arrays import write_responses
from tuner.results.experiment import Experiment
from tuner.results.files import MEASURED, TIME_UP
from tuner.results.origin import origin_of
from tuner.results.record import RMSE_BEST
from tuner.seeding import seed_of
from tuner.stages.budget import Budget
from tuner.stages.configs import check_configs
from tuner.stages.crew import Crew, open_log
from tuner.stages.job import Job, interval_of

ENDED = "search_ended.txt"
PATIENCE_INTERVALS = 2
"""Of a population: what a mutation is worth may show only in the next interval but one."""


def search(job: Job, crew: Crew, manifest: dict[str, Any] | None, budget: Budget) -> None:
    """Every trial has ended, or the search's share of the time has passed.

    Args:
        job: What to search.
        crew: What with.
        manifest: Of a new experiment; None goes on with one that was begun.
        budget: Of time and money.

    Raises:
        InputError: a variant's config was edited since, and does not fit the data.
        Interrupted: trials are left.
        TunerError: time was up before anything was measured.
    """
    if manifest is not None:
        job.experiment.begin(manifest, job.entries, origin_of(job.dataset, job.seed))
    elif not is_searched(job):
        job.experiment.folder.remove(TIME_UP)  # there is time again
        job.experiment.describe(job.entries, origin_of(job.dataset, job.seed))  # a crash may have come before that
    check_configs(job.experiment, job.dataset)
    open_log(crew)
    if manifest is not None or not is_searched(job):
        write_responses(job.experiment.folder, job.dataset)
        entries, method = job.experiment.entries(), method_of(job)
        give_up = method.breeding is None
        limits = Limits(budget.for_search(), give_up, job.entries[0].name, budget.search_is_over)
        seeds = {entry.name: seed_of(job.seed, entry.name) for entry in entries}
        ended = crew.run(Trials(job.experiment, entries, seeds, limits, method), job.experiment.records())
        if len(ended) < len(job.experiment.entries()) or (method.unfinished and not job.experiment.time_was_up):
            raise Interrupted
        if give_up and method.suggestions is None:
            cut_back(job)
        if method.suggestions is not None:
            say(*fewer(job.strategy, len(ended) - 1, job.experiment.time_was_up))
        if budget.is_limited and not any(record.measurements for record in job.experiment.records()):
            raise TunerError(f"{budget.ended} before anything was measured; begin another experiment with more")
        if method.breeding is not None:  # whose members end with other configs than they began with
            job.experiment.describe(job.experiment.entries(), origin_of(job.dataset, job.seed))
        job.experiment.folder.write(ENDED, "every trial has ended, or its time was up\n")


def cut_back(job: Job) -> None:
    """Each trial has ended where it was clear that it would be worse than the control, whichever of them ran first."""
    control, *others = job.experiment.records()
    if control.best is None:
        return
    for record, entry in zip(others, job.entries[1:], strict=True):
        training, curve = entry.config.training, record.measurements
        rmses, errors = [one.rmse for one in curve], [one.rmse_se for one in curve]
        evaluations = math.ceil(training.max_steps / training.eval_steps)
        number = hopeless_after(rmses, errors, control.best.rmse, evaluations, training.early_stopping_evals)
        if number is not None and number < len(curve):
            reason = f"at this step it was clear that it would be worse than {control.variant}"
            job.experiment.cut_back(record.variant, curve[number - 1].step, reason)


def method_of(job: Job) -> Method:
    """How Ray Tune chooses the search's trials, and which it ends early."""
    strategy, base = job.strategy, job.entries[0]
    configs = (*(entry.config for entry in job.entries), *job.examples)
    longest = max(math.ceil(config.training.max_steps / config.training.eval_steps) for config in configs)
    ending = EarlyEnding(strategy.scheduler, base.name, longest, base.config.training.early_stopping_evals)
    if strategy.search == "pbt":
        return Method(breeding=breeding_of(job))
    if strategy.search != "optuna":
        return Method(ending)
    assert strategy.samples is not None, "see Strategy.of"
    assert strategy.sampler is not None, "see Strategy.of"
    objectives = tuple({"rmse": RMSE_BEST}.get(name, name) for name in strategy.objective.split(","))
    suggestions = Suggestions(
        base=job.base,
        space=job.space,
        depth=job.depth,
        samples=strategy.samples,
        sampler=strategy.sampler,
        objectives=objectives,
        dataset=job.dataset,
        seed=job.seed,
        examples=job.examples,
    )
    return Method(ending, suggestions)


def breeding_of(job: Job) -> Breeding:
    """How the members of the job's population are replaced."""
    strategy, training = job.strategy, job.entries[0].config.training
    assert strategy.population is not None, "see Strategy.of"
    assert strategy.quantile is not None, "see Strategy.of"
    assert strategy.structural is not None, "see Strategy.of"
    interval = interval_of(strategy.interval, training)
    return Breeding(
        space=job.space,
        interval=interval,
        quantile=strategy.quantile,
        structural=strategy.structural,
        patience=max(training.early_stopping_evals * training.eval_steps, PATIENCE_INTERVALS * interval),
        control=job.entries[0].name,
        starts=tuple(entry.config for entry in job.entries),
        image_side=min(job.dataset.images.shape[1:3]),
        seed=seed_of(job.seed, "population"),
        size=strategy.population,
    )


def begin_again(experiment: Experiment) -> str:
    """Trials that failed are to be tried again; what is said of it."""
    failed = experiment.failures()
    if not failed:
        return "no trial has failed"
    for name in (ENDED, MEASURED):  # first: a crash may come before the end of this
        experiment.folder.remove(name)
    experiment.forget(failed)
    return f"tried again: {', '.join(dict.fromkeys(name.rpartition('/')[2] for name in failed))}"


def is_searched(job: Job) -> bool:
    """Whether the search has ended."""
    return job.experiment.folder.exists(ENDED)
