"""The second stage: the best of the search again, on splits and seeds that it never saw, as a race."""

import time
from collections.abc import Callable
from functools import partial

from tuner.errors import Interrupted
from tuner.raytune.stopper import Limits
from tuner.raytune.trials import Trials
from tuner.results.evidence import Evidence, read_evidence
from tuner.results.files import TIME_UP
from tuner.results.origin import origin_of
from tuner.results.policy import Policy
from tuner.results.record import TrialRecord
from tuner.seeding import seed_of
from tuner.selection.finalists import final_entry, finalists, steps_of
from tuner.selection.measured import Measured
from tuner.stages.budget import EXPORT_S, Budget
from tuner.stages.design import Design

Run = Callable[[Trials, tuple[TrialRecord, ...]], frozenset[str]]
"""Runs trials, or goes on with them: see `Crew.run`."""


def finals(design: Design, run: Run, budget: Budget, say: Callable[[str], None], *, promoted: bool = True) -> None:
    """A winner is clear, or all rounds were run, or time is up.

    What was measured decides who runs in the next round, so this goes on wherever it was interrupted.

    Args:
        design: What was searched.
        run: Runs the trials.
        budget: Of time and money.
        say: Tells the user what is about to run.
        promoted: Whether time and money are kept for the promotion.

    Raises:
        Interrupted: trials are left.
    """
    evidence, policy = read_evidence(design.experiment), design.policy
    search = Measured(evidence, policy.rounds).distinct
    running = finalists(search, evidence.control.name, policy.finalists, design.strategy.population)
    if len(running) < 2:
        return
    reserve, trial_s = promotion_seconds(policy, evidence, len(running)) if promoted else 0.0, 0.0
    for number in range(1, policy.rounds + 1):
        left, round_s = budget.for_finals(reserve), trial_s * len(running)
        if (left is not None and left <= round_s) or budget.money_is_over(reserve + round_s):
            say(f"no {budget.word} is left for round {number} of the finals")
            return
        say(f"finals, round {number} of at most {policy.rounds}: {', '.join(running)}")
        begun = time.monotonic()
        whole = _round(
            design, run, number, running, evidence, Limits(left, money_spent=partial(budget.money_is_over, reserve))
        )
        trial_s = (time.monotonic() - begun) / len(running)
        evidence = read_evidence(design.experiment)
        course = Measured(evidence, policy.rounds).course
        if not whole:
            say(f"{budget.ended} in round {number} of the finals, so it does not count")
        if not whole or course.rounds < number or course.decided:
            return
        running = course.running(evidence.control.name)


def promotion_seconds(policy: Policy, evidence: Evidence, num_finalists: int) -> float:
    """About how long the bundle's networks will take to train, by how long the search's took."""
    longest = 0.0
    for entry, record in zip(evidence.entries, evidence.records, strict=True):
        if record.measurements:
            replicates = entry.config.data.folds * entry.config.data.repeats
            longest = max(longest, record.measurements[-1].seconds / replicates)
    return networks_at_most(policy, num_finalists) * longest + EXPORT_S


def networks_at_most(policy: Policy, num_finalists: int) -> int:
    """How many networks the bundle may hold."""
    return policy.seeds if policy.ensemble == "winner" else max(policy.seeds, 2 * num_finalists)


def _round(design: Design, run: Run, number: int, running: tuple[str, ...], evidence: Evidence, limits: Limits) -> bool:
    """Whether one trial a finalist, all on the same splits and seeds, ended before time was up.

    The longest come first, so that no slot waits at the end.
    """
    trials, seed = design.experiment.finals(number), seed_of(design.seed, "finals", number)
    records = {record.variant: record for record in evidence.records}
    steps = {name: steps_of(records[name], evidence.records) for name in running}
    entries = [
        final_entry(entry, steps[entry.name], len(evidence.responses), seed_of(seed, "splits"))
        for entry in evidence.entries
        if entry.name in running and steps[entry.name] > 0
    ]
    entries.sort(key=lambda entry: (entry.name != evidence.control.name, -steps[entry.name] * records[entry.name].macs))
    measured = tuple(trials.record(entry) for entry in entries)
    if not all(record.ended for record in measured):
        trials.folder.remove(TIME_UP)  # there is time again
        trials.describe(tuple(entries), origin_of(design.dataset, design.seed))
        seeds = {entry.name: seed_of(seed, "networks") for entry in entries}
        if len(run(Trials(trials, tuple(entries), seeds, limits), measured)) < len(entries):
            raise Interrupted
    return all(trials.record(entry).status != "stopped" for entry in entries)
