"""A number with what is known of its error."""

import math
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """An estimate that errs as Student's t.

    Attributes:
        value: The estimate.
        se: Its standard error; NaN where nothing tells.
        df: Degrees of freedom of the standard error.
    """

    value: float
    se: float
    df: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        from scipy.special import stdtrit  # takes 0.3 s to import, and commands that only say what is wrong need none

        reach = float(stdtrit(self.df, 0.5 + LEVEL / 2)) * self.se
        return self.value - reach, self.value + reach

    @property
    def p(self) -> float:
        """Two-sided p-value of the hypothesis that the truth is 0; 1 where nothing tells."""
        from scipy.special import stdtr

        if math.isnan(self.se) or self.se == self.value == 0:
            return 1.0
        return float(2 * stdtr(self.df, -abs(self.value) / self.se)) if self.se > 0 else 0.0

    @property
    def p_above(self) -> float:
        """One-sided p-value of the hypothesis that the truth is not above 0.

        To who believed nothing before, it is the probability that the truth is below 0.
        """
        return self.p / 2 if self.value > 0 else 1 - self.p / 2


def holm(p_values: tuple[float, ...], tried: int | None = None) -> tuple[float, ...]:
    """P-values corrected for being several (Holm 1979): at most one in twenty sets has a false one below 0.05.

    Args:
        p_values: In any order.
        tried: How many hypotheses there were; those without a p-value count as 1.
    """
    count = max(len(p_values), tried or 0)
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = highest
    return tuple(corrected)
