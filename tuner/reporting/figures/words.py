"""Numbers and names as they are printed, and how far an axis reaches."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tuner.results.estimate import Estimate
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict

NOTHING = "–"
UNIT = "sqrt spike count"
Limits = tuple[float, float]


def number(value: float | None, digits: int = 4) -> str:
    """The number, or a dash where there is none."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    """The same with its sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if any(digit in text for digit in "123456789") else text[1:]


def p_value(p: float | None) -> str:
    """A p-value at two digits: `0.034`, `< 0.001`, `1`."""
    if p is None or not math.isfinite(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{min(p, 0.999):.3f}" if p < 0.1 else f"{p:.2f}".replace("1.00", "1")


def shortened(name: str, most: int) -> str:
    """The name in at most so many letters: its middle is left out, since names differ at their ends."""
    name = " ".join(name.split())
    tail = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def plural(count: int, word: str) -> str:
    """`1 variant`, `2 variants`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def history(standing: Standing) -> str:
    """A variant's mutations in their order: `a then b`, or `a then b from step 16` where it has `b` only from there."""
    begins = standing.begins or (0,) * len(standing.mutations)
    named = zip(standing.mutations, begins, strict=True)
    return " then ".join(f"{name} from step {begin}" if begin else name for name, begin in named)


def schedule(standing: Standing) -> str:
    """`a schedule of 3 configs`; empty if its networks have one config until its step."""
    return f"a schedule of {standing.num_configs} configs" if standing.num_configs > 1 else ""


def told(*sentences: str) -> str:
    """The sentences that there are, in one paragraph."""
    return " ".join(sentence for sentence in sentences if sentence)


def ranks(verdict: Verdict) -> dict[str, str]:
    """Variant to its place in the leaderboard, for those that measured something."""
    measured = [one for one in verdict.standings if one.rmse is not None]
    return {one.name: str(rank) for rank, one in enumerate(measured, start=1)}


def label(name: str, rank: dict[str, str], most: int) -> str:
    """A variant's name for a figure, with its place in the leaderboard, which tells shortened names apart."""
    return f"{rank[name]}. {shortened(name, most)}" if name in rank else shortened(name, most)


def reach(estimate: Estimate) -> float:
    """Half of the 95 % interval; NaN where nothing tells."""
    low, high = estimate.interval
    return (high - low) / 2


def limits(estimates: Sequence[Estimate], always: Iterable[float] = ()) -> Limits:
    """An axis for most of the intervals: what is far from the others is left to the edge.

    Args:
        estimates: What is drawn.
        always: Values that must be on the axis.
    """
    values = np.array([one.value for one in estimates if math.isfinite(one.value)])
    reaches = [width for one in estimates if math.isfinite(width := reach(one))]
    usual = float(np.median(reaches)) if reaches else 0.0
    inside = [value for value in always if math.isfinite(value)]
    if len(values):
        middle = float(np.median(values))
        spread = 6 * max(float(np.median(np.abs(values - middle))), usual, abs(middle) * 1e-6)
        inside += [value for value in values if abs(value - middle) <= spread]
    low, high = (min(inside), max(inside)) if inside else (0.0, 1.0)
    pad = 1.3 * usual + 0.05 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - pad, high + pad


def mean_predictor(verdict: Verdict) -> Standing | None:
    """The baseline that predicts each neuron's mean."""
    return next((one for one in verdict.baselines if one.name.startswith("mean")), None)
