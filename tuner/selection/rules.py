"""Rules that choose a winner among the trials."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tuner.errors import TunerError
from tuner.results.record import TrialRecord

Rule = Literal["best"]


@dataclass(frozen=True)
class Choice:
    """The winner and why it is."""

    record: TrialRecord
    rule: Rule
    reason: str


def ranked(records: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Trials from the lowest best RMSE to the highest; those that ended badly or measured nothing come last."""

    def key(record: TrialRecord) -> tuple[bool, float, str]:
        return not record.eligible, record.best.rmse if record.best else math.inf, record.variant

    return tuple(sorted(records, key=key))


def select(records: Iterable[TrialRecord], rule: Rule = "best") -> Choice:
    """The winner.

    Raises:
        TunerError: no trial is eligible.
    """
    candidates = [record for record in ranked(records) if record.eligible]
    if not candidates:
        raise TunerError("no trial ended with a finite RMSE, so there is no best variant")
    reason = f"it has the lowest RMSE of {len(candidates)} variants on their held-out images"
    return Choice(candidates[0], rule, reason)
