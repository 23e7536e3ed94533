"""What is searched, checked before anything is trained.

What functions import here takes seconds to import (torch, Ray), or is not needed to say that the input is wrong.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tuner.config import Config, TrainingConfig, load_config
from tuner.cost import cost_of
from tuner.document import read_document
from tuner.errors import ConfigError, InputError
from tuner.mutation.expand import Expansion, Variant, expansion
from tuner.mutation.space import Space, load_mutations
from tuner.results.strategy import GRID, Strategy
from tuner.seeding import seed_of

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.results.entry import Entry
    from tuner.results.experiment import Experiment
    from tuner.results.policy import Policy

BYTES_A_PARAMETER = 16
"""Of a replicate in a checkpoint: weights now and at the best step, and Adam's two moments, four bytes each."""
CHECKPOINTS_AT_A_TIME = 3
"""Of one trial: the last, the one before it, and the one that is written."""
INTERVALS = 8
"""Of a population, in `max_steps`. With twice as many it was chance who ended, or went on from whom."""


@dataclass(frozen=True)
class Design:
    """What is searched, on what data, and where the results go.

    Attributes:
        base: The base config.
        found: Its variants.
        entries: The same, with the data's number of neurons in their configs; the control is first.
        dataset: What they are trained on.
        experiment: Where results go.
        seed: The experiment's: made of `--seed`, group and name.
        policy: How a winner is chosen.
        strategy: How variants are chosen, and when their trials end.
        space: What they are suggested from while the search runs.
        depth: The longest sequence of mutations.
        examples: Configs that might be suggested; empty if all variants are listed.
    """

    base: Config
    found: Expansion
    entries: "tuple[Entry, ...]"
    dataset: "Dataset"
    experiment: "Experiment"
    seed: int
    policy: "Policy"
    strategy: Strategy = GRID
    space: Space = ()
    depth: int = 1
    examples: tuple[Config, ...] = ()


def prepare(
    config: str,
    mutations: str,
    depth: int,
    data: str,
    experiment: "Experiment",
    seed: int,
    policy: "Policy",
    strategy: Strategy = GRID,
) -> Design:
    """The design, checked as far as it can be without training.

    Raises:
        InputError: a file is wrong, or a variant does not fit the data.
    """
    base = load_config(config)
    space = load_mutations(mutations)
    if strategy.search == "pbt":
        check_interval(strategy.interval, base.training)
    found = _variants(base, space, depth, strategy, seed)
    examples = tuple(variant.config for variant in found.variants) if strategy.search == "optuna" else ()
    if examples:
        found = Expansion(found.variants[:1], (), ())
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(data)
    entries = tuple(_fitted(variant, dataset, config) for variant in found.variants)
    if strategy.population is not None:
        entries = members_of(entries, strategy.population)
    return Design(base, found, entries, dataset, experiment, seed, policy, strategy, space, depth, examples)


def _variants(base: Config, space: Space, depth: int, strategy: Strategy, seed: int) -> Expansion:
    """The variants; of a search that is told them on the way some that it might be told, so that all is checked."""
    if strategy.search == "grid":
        return expansion(base, space, depth=depth)
    import numpy as np  # not needed to say that a file is wrong

    from tuner.mutation.sample import sampled
    from tuner.mutation.shared import check_halves, check_shared, check_starts

    if strategy.search == "pbt":
        check_shared(space)
        check_halves(base)
    assert strategy.samples is not None, "see Strategy.of"
    rng = np.random.default_rng(seed_of(seed, "sample"))
    found = sampled(base, space, rng, samples=strategy.samples, depth=depth)
    if strategy.search == "pbt":
        check_starts(base, found)
    return found


def interval_of(interval: int | None, training: TrainingConfig) -> int:
    """Training steps between two replacements in a population; by default an eighth of `max_steps`.

    Two evaluations at least: fewer steps would not tell the members apart.
    """
    if interval is not None:
        return interval
    return training.eval_steps * max(2, round(training.max_steps / training.eval_steps / INTERVALS))


def check_interval(interval: int | None, training: TrainingConfig) -> None:
    """Nothing happens if members can be compared at the end of each interval, and there is one.

    Raises:
        InputError: they cannot.
    """
    steps = interval_of(interval, training)
    if steps % training.eval_steps:
        raise InputError(
            f"--interval must be a multiple of training.eval_steps, which is {training.eval_steps}, but got {steps}"
        )
    if steps >= training.max_steps:
        raise InputError(
            f"--interval must be below training.max_steps, which is {training.max_steps}, but is {steps}: no member "
            "would ever be replaced"
        )


def check_disk_budget(budget: int | None, entries: "tuple[Entry, ...]") -> None:
    """Nothing happens if some checkpoints of every variant find room in so many bytes.

    Raises:
        InputError: they do not.
    """
    for entry in entries if budget is not None else ():
        cost = cost_of(entry.config.model, entry.config.model.num_classes or 1)
        one = BYTES_A_PARAMETER * cost.parameters * entry.config.data.folds * entry.config.data.repeats
        if budget is not None and budget < CHECKPOINTS_AT_A_TIME * one:
            raise InputError(
                f"--disk-budget must be at least {CHECKPOINTS_AT_A_TIME * one / 1e6:.0f}M, room for "
                f"{CHECKPOINTS_AT_A_TIME} checkpoints of {entry.name}"
            )


def members_of(entries: "tuple[Entry, ...]", size: int) -> "tuple[Entry, ...]":
    """The control and the other members that a population begins with: each a variant, some twice if they are few.

    Args:
        entries: The control and the variants.
        size: Of the population: members, at least.
    """
    control, *variants = entries
    number = max(size - 1, len(variants))
    starts = [variants[index % len(variants)] if variants else control for index in range(number)]
    return (control, *(replace(start, name=f"member-{number}") for number, start in enumerate(starts, start=1)))


def _fitted(variant: Variant, dataset: "Dataset", config_file: str) -> "Entry":
    from tuner.dataset.fit import fitted
    from tuner.results.entry import Entry

    try:
        config = fitted(variant.config, dataset, variant.name)
    except ConfigError as error:
        where = variant.mutations[-1].where if variant.mutations else read_document(config_file).at(error.path)
        raise InputError(f"{where}: {variant.name} does not fit the data: {error}") from None
    return Entry(variant.name, config, tuple(mutation.name for mutation in variant.mutations))
