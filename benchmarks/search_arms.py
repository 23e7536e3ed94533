"""The searches that are compared, each through the code of `tuner.run`."""

import json
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search_task import Task
from benchmarks.search_trial import FORGETFUL, TRUTH, TruthTrial
from tuner.config import Config
from tuner.dataset.fit import fitted
from tuner.mutation.expand import Variant
from tuner.mutation.sample import sampled
from tuner.raytune import ray_tuner
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.search.method import Method
from tuner.raytune.search.schedulers import EarlyEnding
from tuner.raytune.search.suggestions import Suggestions
from tuner.raytune.stopper import Limits
from tuner.raytune.trials import Conditions, Trials
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.results.policy import Policy
from tuner.results.record import RMSE_BEST
from tuner.results.strategy import Strategy
from tuner.seeding import seed_of
from tuner.stages.design import Design, members_of
from tuner.stages.search import breeding_of

MORE = 2
"""Times as many variants as the grid has, for searches that draw them: more than the budget is enough for."""
DEPTH = 2
CPUS = 2


@dataclass(frozen=True)
class Event:
    """One evaluation.

    Attributes:
        spent: Replicate-steps of the search until then.
        believed: The RMSE that the search goes by.
        true: What the networks' mean is worth.
    """

    spent: int
    believed: float
    true: float


def grid(task: Task) -> tuple[Event, ...]:
    """Every variant of one mutation, early stopping."""
    order = np.random.default_rng(seed_of("order", task.seed)).permutation(len(task.grid) - 1) + 1
    entries = _entries(task, [task.grid[0], *(task.grid[index] for index in order)])
    return _run(task, entries, Method(), give_up=True)


def random_asha(task: Task) -> tuple[Event, ...]:
    """Variants of up to two mutations drawn at random, ended early by ASHA."""
    rng = np.random.default_rng(seed_of("sample", task.seed))
    found = sampled(task.base, task.space, rng, samples=MORE * len(task.grid), depth=DEPTH).variants
    return _run(task, _entries(task, found), Method(_asha(task.base)), give_up=False)


def optuna_asha(task: Task) -> tuple[Event, ...]:
    """Variants of up to two mutations that Optuna's TPE suggests, ended early by ASHA."""
    suggestions = Suggestions(
        task.base, task.space, DEPTH, MORE * len(task.grid), "tpe", (RMSE_BEST,), task.dataset, task.seed
    )
    return _run(task, _entries(task, task.grid[:1]), Method(_asha(task.base), suggestions), give_up=False)


def pbt(task: Task) -> tuple[Event, ...]:
    """A population as `--search pbt` has it."""
    return _population(task)


def pbt_without_inheritance(task: Task) -> tuple[Event, ...]:
    """The same, but that every child begins with new weights."""
    told = Path(os.environ[TRUTH]).with_name(FORGETFUL)
    told.touch()
    try:
        return _population(task)
    finally:
        told.unlink()


def pbt_without_mutations(task: Task) -> tuple[Event, ...]:
    """The base config alone: what it is worth to select lucky weights."""
    return _population(replace(task, space=()))


ARMS: dict[str, Callable[[Task], tuple[Event, ...]]] = {
    "grid + early stopping": grid,
    "pbt": pbt,
    "pbt without inheritance": pbt_without_inheritance,
    "pbt without mutations": pbt_without_mutations,
    "random + asha": random_asha,
    "optuna tpe + asha": optuna_asha,
}


def _population(task: Task) -> tuple[Event, ...]:
    strategy = Strategy.of({"search": "pbt"})
    assert strategy.population is not None, "it is a population's"
    assert strategy.samples is not None, "see Strategy.of"
    rng = np.random.default_rng(seed_of("sample", task.seed))
    found = sampled(task.base, task.space, rng, samples=strategy.samples)
    size = strategy.population if task.space else strategy.samples + 1
    entries = members_of(_entries(task, found.variants), size)
    nowhere = Experiment.at("", "benchmark", "search")
    design = Design(task.base, found, entries, task.dataset, nowhere, task.seed, Policy(), strategy, task.space)
    return _run(task, entries, Method(breeding=breeding_of(design)), give_up=False)


def _asha(base: Config) -> EarlyEnding:
    training = base.training
    longest = math.ceil(training.max_steps / training.eval_steps)
    return EarlyEnding("asha", "base", longest, training.early_stopping_evals)


def _entries(task: Task, variants: Any) -> tuple[Entry, ...]:
    found: list[Variant] = list(variants)
    return tuple(
        Entry(one.name, fitted(one.config, task.dataset), tuple(mutation.name for mutation in one.mutations))
        for one in found
    )


def _run(task: Task, entries: tuple[Entry, ...], method: Method, *, give_up: bool) -> tuple[Event, ...]:
    """The search's evaluations, in the order in which they were made."""
    ray_tuner.ConvTrial = TruthTrial  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment.at(folder, "benchmark", "search")
        origin = origin_of(task.dataset, task.seed)
        experiment.begin({"variants": {entry.name: [] for entry in entries}}, entries, origin)
        seeds = {entry.name: seed_of(task.seed, entry.name) for entry in entries}
        limits = Limits(give_up=give_up, spared="base")
        conditions = Conditions(task.dataset, check_resources(Resources()))
        run_trials(Trials(experiment, entries, seeds, limits, method), conditions)
        return _events(Path(folder, "benchmark", "search"))


def _events(folder: Path) -> tuple[Event, ...]:
    rows = [json.loads(line) for file in folder.glob("*/result.json") for line in file.read_text().splitlines()]
    spent, found = 0, []
    for row in sorted(rows, key=lambda row: row["at"]):
        spent += row["replicate_steps"]
        found.append(Event(spent, row["rmse"], row["true"]))
    return tuple(found)
