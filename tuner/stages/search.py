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
from tuner.stages.design import Design, interval_of

ENDED = "search_ended.txt"
PATIENCE_INTERVALS = 2
"""Of a population: what a mutation is worth may show only in the next interval but one."""


def search(design: Design, crew: Crew, manifest: dict[str, Any] | None, budget: Budget) -> None:
    """Every trial has ended, or the search's share of the time has passed.

    Args:
        design: What to search.
        crew: What with.
        manifest: Of a new experiment; None goes on with one that was begun.
        budget: Of time and money.

    Raises:
        InputError: a variant's config was edited since, and does not fit the data.
        Interrupted: trials are left.
        TunerError: time was up before anything was measured.
    """
    if manifest is not None:
        design.experiment.begin(manifest, design.entries, origin_of(design.dataset, design.seed))
    elif not is_searched(design):
        design.experiment.folder.remove(TIME_UP)  # there is time again
        design.experiment.describe(
            design.entries, origin_of(design.dataset, design.seed)
        )  # a crash may have come before that
    check_configs(design.experiment, design.dataset)
    open_log(crew, design.experiment.folder)
    if manifest is not None or not is_searched(design):
        write_responses(design.experiment.folder, design.dataset)
        entries, method = design.experiment.entries(), method_of(design)
        give_up = method.breeding is None
        limits = Limits(budget.for_search(), give_up, design.entries[0].name, budget.search_is_over)
        seeds = {entry.name: seed_of(design.seed, entry.name) for entry in entries}
        ended = crew.run(Trials(design.experiment, entries, seeds, limits, method), design.experiment.records())
        if len(ended) < len(design.experiment.entries()) or (method.unfinished and not design.experiment.time_was_up):
            raise Interrupted
        if give_up and method.suggestions is None:
            cut_back(design)
        if method.suggestions is not None:
            say(*fewer(design.strategy, len(ended) - 1, design.experiment.time_was_up))
        if reason := design.experiment.time_was_up:
            say(f"{reason}: the search ends here")
        if budget.is_limited and not any(record.measurements for record in design.experiment.records()):
            raise TunerError(f"{budget.ended} before anything was measured; begin another experiment with more")
        if method.breeding is not None:  # whose members end with other configs than they began with
            design.experiment.describe(design.experiment.entries(), origin_of(design.dataset, design.seed))
        design.experiment.folder.write(ENDED, "every trial has ended\n")


def cut_back(design: Design) -> None:
    """Each trial has ended where it was clear that it would be worse than the control, whichever of them ran first."""
    control, *others = design.experiment.records()
    if control.best is None:
        return
    for record, entry in zip(others, design.entries[1:], strict=True):
        training, curve = entry.config.training, record.measurements
        rmses, errors = [one.rmse for one in curve], [one.rmse_se for one in curve]
        evaluations = math.ceil(training.max_steps / training.eval_steps)
        number = hopeless_after(rmses, errors, control.best.rmse, evaluations, training.early_stopping_evals)
        if number is not None and number < len(curve):
            reason = f"at this step it was clear that it would be worse than {control.variant}"
            design.experiment.cut_back(record.variant, curve[number - 1].step, reason)


def method_of(design: Design) -> Method:
    """How Ray Tune chooses the search's trials, and which it ends early."""
    strategy, base = design.strategy, design.entries[0]
    configs = (*(entry.config for entry in design.entries), *design.examples)
    longest = max(math.ceil(config.training.max_steps / config.training.eval_steps) for config in configs)
    ending = EarlyEnding(strategy.scheduler, base.name, longest, base.config.training.early_stopping_evals)
    if strategy.search == "pbt":
        return Method(breeding=breeding_of(design))
    if strategy.search != "optuna":
        return Method(ending)
    assert strategy.samples is not None, "see Strategy.of"
    assert strategy.sampler is not None, "see Strategy.of"
    objectives = tuple({"rmse": RMSE_BEST}.get(name, name) for name in strategy.objective.split(","))
    suggestions = Suggestions(
        base=design.base,
        space=design.space,
        depth=design.depth,
        samples=strategy.samples,
        sampler=strategy.sampler,
        objectives=objectives,
        dataset=design.dataset,
        seed=design.seed,
        examples=design.examples,
    )
    return Method(ending, suggestions)


def breeding_of(design: Design) -> Breeding:
    """How the members of the design's population are replaced."""
    strategy, training = design.strategy, design.entries[0].config.training
    assert strategy.population is not None, "see Strategy.of"
    assert strategy.quantile is not None, "see Strategy.of"
    assert strategy.structural is not None, "see Strategy.of"
    interval = interval_of(strategy.interval, training)
    return Breeding(
        space=design.space,
        interval=interval,
        quantile=strategy.quantile,
        structural=strategy.structural,
        patience=max(training.early_stopping_evals * training.eval_steps, PATIENCE_INTERVALS * interval),
        control=design.entries[0].name,
        starts=tuple(entry.config for entry in design.entries),
        image_side=min(design.dataset.images.shape[1:3]),
        seed=seed_of(design.seed, "population"),
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


def is_searched(design: Design) -> bool:
    """Whether the search has ended."""
    return design.experiment.folder.exists(ENDED)
