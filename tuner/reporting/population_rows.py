"""The rows of the tables of a population, as the report shows them."""

from dataclasses import dataclass

from tuner.reporting.figures.words import NOTHING, number
from tuner.results.evolution import Branch, Evolution

REPLACEMENTS = 200


@dataclass(frozen=True)
class BranchRow:
    """A branch as text; `rmse` is that at its end."""

    step: str
    member: str
    mutations: str
    donor: str
    inherited: str
    rmse: str


def schedule_rows(evolution: Evolution) -> tuple[BranchRow, ...]:
    """The phases of the winner's lineage."""
    return tuple(_row(branch) for branch in evolution.path)


def replacement_rows(evolution: Evolution) -> tuple[BranchRow, ...]:
    """Who went on from whom, in the order of steps: the first `REPLACEMENTS`."""
    return tuple(_row(branch) for branch in evolution.replacements[:REPLACEMENTS])


def mutations_of(branch: Branch) -> str:
    """What made its config of the one before."""
    return " and ".join(branch.mutations) or ("the config as it was" if branch.donor else "the base config")


def _row(branch: Branch) -> BranchRow:
    return BranchRow(
        step=str(branch.step),
        member=branch.member,
        mutations=mutations_of(branch),
        donor=branch.donor or NOTHING,
        inherited=branch.inherited.removeprefix("inherited ") or NOTHING,
        rmse=number(branch.last),
    )
