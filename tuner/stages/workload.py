"""The pieces of work of a run, each as long as it may become: what `estimated` is told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.config import Config
from tuner.engine.calibration import Speed
from tuner.results.policy import Policy
from tuner.results.strategy import Strategy
from tuner.selection.finalists import FEWEST_FOLDS, most_finalists
from tuner.stages.finals import networks_at_most

Stages = tuple[tuple[float, ...], ...]
"""Seconds of each piece of work, by stage."""


@dataclass(frozen=True)
class Durations:
    """How long a variant's work takes at most.

    Attributes:
        search_s: Its trial in the search.
        final_s: Its trial in one round of the finals.
        network_s: One network of it on all images, for the bundle.
    """

    search_s: float
    final_s: float
    network_s: float


def durations_of(config: Config, speed: Speed, num_labelled: int) -> Durations:
    """A variant's, if nothing ends it before `max_steps`.

    A pack of more replicates is taken to be as much slower; a network on all images takes as many epochs.
    """
    data, training = config.data, config.training
    search_s = speed.trial_s(training.max_steps, math.ceil(training.max_steps / training.eval_steps))
    network_s = search_s / (data.folds * data.repeats)
    held_out = num_labelled / data.folds if data.folds > 1 else data.eval_size
    return Durations(
        search_s, network_s * max(data.folds, FEWEST_FOLDS), network_s * num_labelled / (num_labelled - held_out)
    )


def search_stages(trials: Sequence[Durations], strategy: Strategy, max_steps: int, interval: int) -> Stages:
    """Of the search.

    Args:
        trials: The control first. Of a search that is told its variants on the way, those that it might be told: if it
            is to try more, the others are taken to be as long as the longest.
        strategy: How variants are chosen.
        max_steps: Of each trial.
        interval: Training steps of a population between two comparisons.
    """
    longest = max(trial.search_s for trial in trials)
    if strategy.population is None:
        more = max(0, (strategy.samples or 0) + 1 - len(trials)) if strategy.search == "optuna" else 0
        return (tuple(trial.search_s for trial in trials) + (longest,) * more,)
    stages, running = [], len(trials)
    for begin in range(0, max_steps, interval):
        part = min(interval, max_steps - begin) / max_steps
        stages.append((longest * part,) * running)
        running = max(strategy.population, math.ceil(running / 2))
    return tuple(stages)


def later_stages(trials: Sequence[Durations], policy: Policy, *, population: int | None, promoted: bool) -> Stages:
    """Of the finals and the promotion, if those that take longest come so far.

    Args:
        trials: See above.
        policy: How a winner is chosen.
        population: Of a population: members that go on.
        promoted: Whether there is to be a bundle.
    """
    counted = len(trials) - 1 if population is None else population - 1
    number = min(most_finalists(counted, policy.finalists), counted + 1)
    finalists = sorted((trial.final_s for trial in trials), reverse=True)[:number]
    rounds = (tuple(finalists),) * policy.rounds if number > 1 else ()
    networks = networks_at_most(policy, max(number, 1))
    return (*rounds, (max(trial.network_s for trial in trials),) * networks) if promoted else rounds
