"""Marks how trials ended whose rows do not tell."""

from pathlib import Path

from tuner.results.experiment import Experiment
from tuner.results.record import Measurement


class EndingMarks:
    """Marks the trials of an experiment whose rows do not tell how they ended.

    Those that failed for good, and those that were ended while they waited for others: their last row is of before.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._told: set[str] = set()

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """Whether the last row tells of an ending is remembered."""
        (self._told.add if measurement.ending else self._told.discard)(variant)

    def ended(self, variant: str, error: str) -> None:
        """The trial's folder tells how it ended."""
        if error:
            self._experiment.mark_failed(variant, error)
        elif variant not in self._told:
            self._experiment.mark_stopped(variant, "the search ended it")
