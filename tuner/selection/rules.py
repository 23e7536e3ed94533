"""Rules that choose a winner among candidates, all of them scored on the same images and splits."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.errors import TunerError
from tuner.results.estimate import Estimate
from tuner.results.verdict import SIGNIFICANT, Rule
from tuner.selection.scores import Scores, difference


@dataclass(frozen=True)
class Candidate:
    """A variant that may win.

    Attributes:
        name: Its name.
        macs: Multiply-adds of one image's forward pass: the measure of simplicity.
        scores: Its held-out predictions'.
        control: Whether it is the base config.
        dropped: Whether the race has dropped it: others are compared with it, but it is not the best.
    """

    name: str
    macs: int
    scores: Scores
    control: bool = False
    dropped: bool = False


@dataclass(frozen=True)
class Choice:
    """The winner, and why it is: a clause that follows "since"."""

    winner: str
    reason: str


def select(candidates: Sequence[Candidate], rule: Rule, tried: int) -> Choice:
    """The winner by a rule.

    `best` takes the lowest RMSE. `one_se` takes the simplest candidate whose RMSE is within one standard error of the
    lowest; the standard error is that of the paired difference, since the candidates err on the same images (Breiman et
    al. 1984, section 3.4.3, has that of one alone, within which nearly everything lies). `significant` takes the lowest
    if it beats the control, else the control.

    Args:
        candidates: With finite RMSE.
        rule: See above.
        tried: How many variants the candidates were chosen from, for the correction of `significant`.

    Raises:
        TunerError: there is no candidate.
    """
    running = [candidate for candidate in candidates if not candidate.dropped]
    if not running:
        raise TunerError("no trial ended with a finite RMSE, so there is no best variant")
    best = min(running, key=lambda candidate: (candidate.scores.rmse, candidate.macs, candidate.name))
    if rule == "one_se":
        return _simplest(running, best)
    if rule == "significant":
        control = next((candidate for candidate in candidates if candidate.control), None)
        return _significant(running, best, control, tried)
    return Choice(best.name, f"it has the lowest RMSE of {_count(running)}")


def _simplest(candidates: Sequence[Candidate], best: Candidate) -> Choice:
    near = [candidate for candidate in candidates if _is_near(difference(candidate.scores, best.scores))]
    near = near if best in near else [*near, best]
    winner = min(near, key=lambda candidate: (candidate.macs, candidate.scores.rmse, candidate.name))
    if winner is best:
        return Choice(
            best.name,
            f"it has the lowest RMSE of {_count(candidates)}, and no simpler one is within one standard error",
        )
    return Choice(
        winner.name,
        f"it is the simplest of the {len(near)} within one standard error of the lowest RMSE, that of {best.name}",
    )


def _significant(candidates: Sequence[Candidate], best: Candidate, control: Candidate | None, tried: int) -> Choice:
    if control is None or best is control:
        why = "is the base config" if best is control else "there is no base config to compare it with"
        return Choice(best.name, f"it has the lowest RMSE of {_count(candidates)}, and {why}")
    gap = difference(best.scores, control.scores)
    p = min(1.0, gap.p * max(1, tried - 1))
    if gap.value < 0 and p < SIGNIFICANT:
        return Choice(
            best.name, f"it has the lowest RMSE of {_count(candidates)}, and beats the base config (p {p:.2g})"
        )
    return Choice(control.name, f"{best.name} has the lowest RMSE, but does not beat the base config (p {p:.2g})")


def _is_near(gap: Estimate) -> bool:
    return gap.value <= gap.se or gap.value <= 0


def _count(candidates: Sequence[Candidate]) -> str:
    return f"{len(candidates)} candidate{'s' * (len(candidates) != 1)}"
