"""What was measured, as curves and scores by stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tuner.config import Config
from tuner.cost import cost_of
from tuner.engine.out_of_fold import OutOfFold
from tuner.lineage import Lineage, until
from tuner.results.evidence import Evidence
from tuner.results.record import TrialRecord
from tuner.selection.nested import Curve, curve_of, groups_of, nested_scores
from tuner.selection.race import Race, race
from tuner.selection.scores import Scores

Curves = dict[str, Curve]


@dataclass(frozen=True, eq=False)
class Measured:
    """An experiment so far; every score is of steps that were chosen without the images.

    Attributes:
        evidence: What its folder holds.
        looks: How many rounds its finals can have.
    """

    evidence: Evidence
    looks: int

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """`[L]`, groups of images."""
        return groups_of(len(self.evidence.responses), self.evidence.seed)

    @cached_property
    def records(self) -> dict[str, TrialRecord]:
        """Variant to its record in the search."""
        return {record.variant: record for record in self.evidence.records}

    @cached_property
    def search_curves(self) -> Curves:
        """Of all that the search measured."""
        return self._curves(self.evidence.search)

    @cached_property
    def finals_curves(self) -> Curves:
        """Of all who entered the finals."""
        return self._curves(self.evidence.finals)

    @cached_property
    def search(self) -> dict[str, Scores]:
        """Of every variant that may win, in the search."""
        eligible = {name: curve for name, curve in self.search_curves.items() if self.records[name].eligible}
        return self._scores(eligible)

    @cached_property
    def distinct(self) -> dict[str, Scores]:
        """The same, but of members of a population that are one schedule until their best step the lowest alone.

        A member and those that went on from it after that would be trained alike.
        """
        found: dict[tuple[tuple[int, Config], ...], str] = {}
        for name in sorted(self.search, key=lambda name: (self.search[name].rmse, name)):
            phases = until(self._lineage(name), self.search_curves[name].step)
            found.setdefault(tuple((phase.step, phase.config) for phase in phases), name)
        return {name: scores for name, scores in self.search.items() if name in found.values()}

    def config_at(self, name: str, step: int) -> Config:
        """The variant's config once its networks have taken so many steps."""
        return until(self._lineage(name), step)[-1].config

    def cost_at(self, name: str, step: int | None) -> tuple[int, int]:
        """Parameters and multiply-adds of one network then; of a single config, and without a step, as recorded."""
        entry = next(entry for entry in self.evidence.entries if entry.name == name)
        record = self.records[name]
        if not entry.schedule or step is None:
            return record.parameters, record.macs
        model = self.config_at(name, step).model
        cost = cost_of(model, model.num_classes or 1)
        return cost.parameters, cost.macs

    @property
    def tried(self) -> int:
        """How many variants the search measured, counting again each that went on from another in a population."""
        return len(self.search) + sum(map(_replacements, self.records.values()))

    @cached_property
    def finals(self) -> dict[str, Scores]:
        """Of all who entered the finals."""
        return self._scores(self.finals_curves)

    @cached_property
    def course(self) -> Race:
        """How far the finals have come."""
        entered = {name: self.evidence.finals[name] for name in self.finals}
        return race({name: self._by_round(found) for name, found in entered.items()}, self.looks, self.evidence.failed)

    @property
    def alive(self) -> tuple[str, ...]:
        """Those that may win: who is left in the finals, or without finals all that the search may choose from."""
        return self.course.alive or tuple(self.search)

    @property
    def compared(self) -> tuple[str, ...]:
        """The same and the control, also where the race has dropped it, but for one that was never measured."""
        control = self.evidence.control.name
        return tuple(dict.fromkeys([*self.alive, *([control] if control in self.course.dropped else [])]))

    def _lineage(self, name: str) -> Lineage:
        return next(entry.lineage for entry in self.evidence.entries if entry.name == name)

    def _by_round(self, found: OutOfFold) -> tuple[Scores, ...]:
        """After each round; the step is chosen by the rounds until then."""
        numbers = range(1, len(found.folds) + 1)
        curves = [curve_of(found.of_repeats(number), self.evidence.responses) for number in numbers]
        return tuple(nested_scores(curve, self.groups) for curve in curves if curve is not None)

    def _curves(self, found: Mapping[str, OutOfFold]) -> Curves:
        curves = {name: curve_of(out_of_fold, self.evidence.responses) for name, out_of_fold in found.items()}
        return {name: curve for name, curve in curves.items() if curve is not None}

    def _scores(self, curves: Curves) -> dict[str, Scores]:
        return {name: nested_scores(curve, self.groups) for name, curve in curves.items()}


def _replacements(record: TrialRecord) -> int:
    """How often a population's member went on from another."""
    descents = (row.descent for row in record.measurements)
    return len({(one.step, one.donor) for one in descents if one is not None and one.donor})
