"""How a population evolved: who went on from whom, and how well each did."""

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Branch:
    """What a member of a population was between two replacements, or a part of it.

    Attributes:
        member: Its name.
        step: Training steps taken when it began.
        donor: The member whose networks and config it went on from; empty if the member began the search with it.
        mutations: Names of those that made its config of the donor's, or of the base config.
        inherited: How much of the networks is the donor's, in words; empty if nothing tells.
        steps: Of its evaluations.
        rmse: One an evaluation, on held-out images that had no part in choosing who is replaced; NaN if it diverged.
    """

    member: str
    step: int
    donor: str
    mutations: tuple[str, ...]
    inherited: str
    steps: tuple[int, ...]
    rmse: tuple[float, ...]

    @property
    def last(self) -> float:
        """RMSE at its last evaluation; NaN without one."""
        return self.rmse[-1] if self.rmse else math.nan

    def at(self, step: int) -> float:
        """RMSE at a step; NaN where it was not evaluated."""
        return self.rmse[self.steps.index(step)] if step in self.steps else math.nan


@dataclass(frozen=True)
class Evolution:
    """The members of a population, and how its winner came about; false if the search was of another kind.

    Attributes:
        branches: Member by member, the control's first, each member's in the order of steps.
        path: One a phase of the winner's lineage until its step, cut to the part that the winner went through.
    """

    branches: tuple[Branch, ...] = ()
    path: tuple[Branch, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.branches)

    @property
    def members(self) -> tuple[str, ...]:
        """Names, the control's first."""
        return tuple(dict.fromkeys(branch.member for branch in self.branches))

    @property
    def control(self) -> str:
        """The member that is never replaced."""
        return self.branches[0].member if self.branches else ""

    @property
    def replacements(self) -> tuple[Branch, ...]:
        """The branches that went on from a donor, in the order of steps."""
        return tuple(sorted((one for one in self.branches if one.donor), key=lambda one: one.step))

    @property
    def given_up(self) -> tuple[Branch, ...]:
        """The branches whose member then went on from a donor."""
        return tuple(one for one, then in pairwise(self.branches) if one.member == then.member)

    @property
    def ended_early(self) -> tuple[str, ...]:
        """Members that ended before others did; the control ends by itself."""
        ends = {one.member: one.steps[-1] if one.steps else one.step for one in self.branches}
        last = max(ends.values(), default=0)
        return tuple(name for name, step in ends.items() if step < last and name != self.control)

    def begun_at(self, branch: Branch) -> float:
        """The donor's RMSE when the branch went on from it; NaN if there is none."""
        found = (one.at(branch.step) for one in self.branches if one.member == branch.donor)
        return next((rmse for rmse in found if not math.isnan(rmse)), math.nan)


NO_EVOLUTION = Evolution()
"""Of a search of another kind."""
