"""What a search came to."""

from dataclasses import dataclass

from tuner.config import Config
from tuner.results.record import Measurement, TrialRecord


@dataclass(frozen=True)
class Verdict:
    """The winner, and what it was chosen from.

    Attributes:
        ranking: All trials, best first.
        record: The winner's.
        best: The evaluation that it won with.
        config: Its variant's.
        control: The base config's best evaluation; None if it has none.
        mean_predictor_rmse: Of predicting each neuron's mean, on the base config's held-out images.
        reason: Why this one won.
    """

    ranking: tuple[TrialRecord, ...]
    record: TrialRecord
    best: Measurement
    config: Config
    control: Measurement | None
    mean_predictor_rmse: float
    reason: str

    @property
    def num_eligible(self) -> int:
        """Number of variants that the winner was chosen from."""
        return sum(record.eligible for record in self.ranking)
