"""How a population's members went on from each other, as their rows and lineages tell."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from tuner.lineage import Lineage, until
from tuner.results.evidence import Evidence
from tuner.results.evolution import NO_EVOLUTION, Branch, Evolution
from tuner.results.record import TrialRecord


def evolution_of(evidence: Evidence, winner: str, step: int) -> Evolution:
    """The population of a search, and the winner's way through it; a false one if the search was of another kind.

    Args:
        evidence: What was measured.
        winner: A variant.
        step: To which its networks are trained.
    """
    branches = tuple(branch for record in evidence.records for branch in branches_of(record))
    if not branches:
        return NO_EVOLUTION
    lineage = next(entry.lineage for entry in evidence.entries if entry.name == winner)
    return Evolution(branches, tuple(_path(branches, winner, lineage, step)))


def branches_of(record: TrialRecord) -> Iterator[Branch]:
    """A member's branches, in the order of steps; none of a trial outside of populations."""
    told = [(row.descent, row) for row in record.measurements if row.descent is not None]
    for (step, donor), found in groupby(told, key=lambda pair: (pair[0].step, pair[0].donor)):
        descents, rows = zip(*found, strict=True)
        yield Branch(
            member=record.variant,
            step=step,
            donor=donor,
            mutations=descents[0].mutations,
            inherited=next((one.inherited for one in descents if one.inherited), ""),
            steps=tuple(row.step for row in rows),
            rmse=tuple(row.rmse for row in rows),
        )


def _path(branches: Iterable[Branch], winner: str, lineage: Lineage, step: int) -> Iterator[Branch]:
    """The phases until the step, each in the member that handed it on to the next one, or in the winner.

    A phase that no row tells of, since a crash came before any, has no evaluations.
    """
    by_begin = {(branch.member, branch.step): branch for branch in branches}
    holders = (*(phase.donor for phase in lineage[1:]), winner)
    ends = (*(phase.step for phase in lineage[1:]), step)
    for phase, holder, end in zip(until(lineage, step), holders, ends, strict=False):
        whole = by_begin.get((holder, phase.step), Branch(holder, phase.step, phase.donor, (), "", (), ()))
        count = sum(at <= min(end, step) for at in whole.steps)
        part = replace(whole, steps=whole.steps[:count], rmse=whole.rmse[:count])
        yield replace(part, donor=phase.donor, mutations=phase.mutations)
