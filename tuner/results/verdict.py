"""What an experiment came to, as values: all that is told of it on the terminal, in tables and in the report."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tuner.results.evolution import NO_EVOLUTION, Evolution
from tuner.results.promotion import Interval, Promotion
from tuner.results.standing import Effect, LearningCurve, Stage, Standing

Rule = Literal["best", "one_se", "significant"]
SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Verdict:
    """The winner, what it was chosen from, and how good it is.

    Attributes:
        winner: The chosen variant's standing.
        rule: That chose it.
        reason: Why this one, one clause.
        claim: One network of a config and step chosen like this, on images that had no part in the choice.
        probability: That what is chosen like this is better than the control, by their paired difference on images that
            had no part in the choice; None if the winner is the control.
        standings: Best first: finalists, then other variants, then those without a number.
        baselines: Mean predictor, ridge, extra trees, on the folds of the finals.
        effects: Of every mutation, in the order of the variants; none in a population.
        importances: Setting to its share of the variance between variants; empty unless chains were searched, and in a
            population.
        promotion: What the bundle is made of.
        curves: Of all variants in the search and all finalists in the finals.
        neurons: Names.
        neuron_metrics: Of the winner in the finals: metric to one value a neuron.
        predicted: `[L, N]`, the winner's held-out predictions, the mean over repeats; NaN where there is none.
        measured: `[L, N]`, the responses.
        noise_rmse: RMSE of a perfect model; None unless the data are simulated.
        stage: `search` if there were no finals.
        protocol: How the claim was measured, one clause: `2 repeats of 5 folds`.
        evolution: How the members of a population went on from each other; false if the search was of another kind.
    """

    winner: Standing
    rule: Rule
    reason: str
    claim: Interval
    probability: float | None
    standings: tuple[Standing, ...]
    baselines: tuple[Standing, ...]
    effects: tuple[Effect, ...]
    importances: dict[str, float]
    promotion: Promotion
    curves: tuple[LearningCurve, ...]
    neurons: tuple[str, ...]
    neuron_metrics: dict[str, tuple[float, ...]]
    predicted: npt.NDArray[np.float64]
    measured: npt.NDArray[np.float32]
    noise_rmse: float | None
    stage: Stage
    protocol: str
    evolution: Evolution = NO_EVOLUTION

    @property
    def control(self) -> Standing | None:
        """The base config's standing; None if it was not measured where the winner was."""
        return next((one for one in self.standings if self._is_control(one)), None)

    def _is_control(self, one: Standing) -> bool:
        """A population's member may have no mutation either."""
        unchanged = not one.mutations and (not self.evolution or one.name == self.evolution.control)
        return unchanged and one.rmse is not None and one.stage == self.winner.stage

    @property
    def num_measured(self) -> int:
        """Number of variants that the winner was chosen from; in a population, also those that went on from others."""
        return max(sum(standing.rmse is not None for standing in self.standings), len(self.evolution.branches))

    @property
    def is_better(self) -> bool:
        """Whether the winner is better than the control beyond doubt."""
        difference, p = self.winner.difference, self.winner.p
        return difference is not None and p is not None and difference.value < 0 and p < SIGNIFICANT

    @property
    def lost_to(self) -> tuple[Standing, ...]:
        """The baselines whose RMSE is no higher than what the bundle is expected to have, best first."""
        expected = self.promotion.expected.rmse
        beaten_by = [one for one in self.baselines if one.rmse is not None and one.rmse.value <= expected]
        return tuple(sorted(beaten_by, key=lambda one: one.rmse.value if one.rmse else 0.0))

    @property
    def among(self) -> str:
        """From what the winner was chosen without the images that it is scored on, as the end of a clause."""
        return " among the finalists" if self.stage == "finals" else ""

    @property
    def comparison(self) -> str:
        """The winner and the control, in a clause."""
        if self._is_control(self.winner):
            return "it is the base config itself: no variant is a better choice"
        if self.control is None:
            return "the base config was not measured beside it, so nothing tells whether it is better"
        if self.is_better:
            return "it is better than the base config"
        return "it is not distinguishable from the base config"
