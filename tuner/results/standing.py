"""What was measured of one variant, or of one mutation, as values."""

from dataclasses import dataclass
from typing import Literal

from tuner.results.estimate import Estimate

Stage = Literal["finals", "search", "baseline"]


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
class LearningCurve:
    """RMSE against steps, pooled over everything, with its standard error; lists of one length."""

    variant: str
    stage: Stage
    steps: tuple[int, ...]
    rmse: tuple[float, ...]
    se: tuple[float, ...]
