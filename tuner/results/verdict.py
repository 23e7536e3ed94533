"""What an experiment came to, as values: all that is told of it on the terminal, in tables and in the report."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tuner.config import Config
from tuner.lineage import Lineage
from tuner.results.estimate import Estimate
from tuner.results.evolution import NO_EVOLUTION, Evolution

Rule = Literal["best", "one_se", "significant"]
Stage = Literal["finals", "search", "baseline"]
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Interval:
    """An RMSE with its 95 % interval."""

    rmse: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.rmse:.4f} (95 % interval {self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Standing:
    """One row of the leaderboard: a variant or a baseline.

    Attributes:
        name: Of the variant or the baseline.
        stage: Where its numbers were measured; a variant that was not in the finals has those of the search.
        status: How its trials ended: `finished`, `stopped`, `diverged`, `failed`, `unfinished`, or `dropped` by the
            race.
        repeats: Of the cross-validation that its numbers pool.
        rmse: One network's, of every held-out entry pooled, at a step that was chosen without the image: not the lowest
            of a curve; None if nothing was measured.
        difference: `rmse` minus the control's, paired; None for the control itself and where there is none.
        p: Of the difference, two-sided, corrected for all variants that were tried (Holm); None as above, and for a
            variant that was not in the finals.
        step: With the lowest RMSE of the mean curve over all replicates; None for a baseline.
        search_rmse: The lowest RMSE of the search's curve: what a plain search would believe.
        search_nested_rmse: RMSE in the search at a step that was chosen without the image: all variants have it alike.
        neuron_rmse: One a neuron; empty if nothing was measured.
        mutations: Names, in order.
        begins: Of a schedule, the training steps from which on it has each of them; empty if all from the first.
        parameters: Of one network.
        macs: Multiply-adds of one image's forward pass.
        seconds: Of training, all stages.
        error: One line; empty unless it failed.
    """

    name: str
    stage: Stage
    status: str
    repeats: int
    rmse: Estimate | None
    difference: Estimate | None = None
    p: float | None = None
    step: int | None = None
    search_rmse: float | None = None
    search_nested_rmse: float | None = None
    neuron_rmse: tuple[float, ...] = ()
    mutations: tuple[str, ...] = ()
    begins: tuple[int, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    seconds: float | None = None
    error: str = ""

    @property
    def num_configs(self) -> int:
        """How many configs its networks have, one after the other, until its step."""
        return len({0, *(begin for begin in self.begins if self.step is None or begin < self.step)})


@dataclass(frozen=True)
class Effect:
    """What one mutation did to the config that it was applied to.

    Attributes:
        mutation: Its name.
        variant: With it.
        parent: Without it.
        stage: Where both were measured.
        difference: RMSE with it minus without it, paired; negative is better.
        p: Two-sided, corrected for the number of effects (Holm).
        neuron_differences: The same, one a neuron.
        neuron_p: Corrected for the number of effects times neurons.
    """

    mutation: str
    variant: str
    parent: str
    stage: Stage
    difference: Estimate
    p: float
    neuron_differences: tuple[Estimate, ...]
    neuron_p: tuple[float, ...]


@dataclass(frozen=True)
class Member:
    """Networks of one variant in the bundle.

    Attributes:
        variant: Its name.
        lineage: Its configs until this step, as the search had them.
        step: Training steps, from the curve on about (folds - 1) / folds of the images.
        trained_images: On how many images that curve's networks were trained.
        networks: How many.
    """

    variant: str
    lineage: Lineage
    step: int
    trained_images: int
    networks: int

    @property
    def config(self) -> Config:
        """The one at this step."""
        return self.lineage[-1].config


@dataclass(frozen=True)
class Promotion:
    """What goes into the bundle, and how good it should be.

    Attributes:
        members: One config, or several finalists.
        expected: The RMSE of the mean of all these networks on new images.
        reason: Why these, one clause.
    """

    members: tuple[Member, ...]
    expected: Interval
    reason: str

    @property
    def networks(self) -> int:
        """How many, in all."""
        return sum(member.networks for member in self.members)


@dataclass(frozen=True)
class LearningCurve:
    """RMSE against steps, pooled over everything, with its standard error; lists of one length."""

    variant: str
    stage: Stage
    steps: tuple[int, ...]
    rmse: tuple[float, ...]
    se: tuple[float, ...]


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
