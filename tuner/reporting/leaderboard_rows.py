"""The leaderboard's rows as the report shows them."""

import math
from dataclasses import dataclass

from tuner.reporting.figures.interval import interval_svg
from tuner.reporting.figures.words import Limits, history, limits, number, p_value, ranks, reach, schedule, signed
from tuner.results.estimate import Estimate
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict

SHOWN = 12
ORDINARY = ("finished", "stopped")


@dataclass(frozen=True)
class Row:
    """A standing as text; `drawing` is an `svg` element, or empty; `made` is what its name does not tell."""

    rank: str
    name: str
    made: str
    role: str
    note: str
    rmse: str
    interval: str
    drawing: str
    difference: str
    p: str
    step: str
    search_rmse: str
    parameters: str
    time: str


@dataclass(frozen=True)
class Group:
    """Rows whose numbers were measured in the same way: those shown at once, and the others."""

    title: str
    rows: tuple[Row, ...]
    more: tuple[Row, ...]


def groups(verdict: Verdict) -> tuple[Group, ...]:
    """Finalists, their baselines, variants that only the search measured, those without a number; none is empty."""
    axis, rank = leaderboard_limits(verdict), ranks(verdict)
    measured = [one for one in verdict.standings if one.rmse is not None]
    finals = [one for one in measured if one.stage == "finals"]
    search = [one for one in measured if one.stage != "finals"]
    nothing = [one for one in verdict.standings if one.rmse is None]
    baselines = ("Baselines: no network, on the same folds", list(verdict.baselines))
    listed = (
        (f"Finals: {verdict.protocol}", finals),
        *([baselines] if finals else []),
        ("Only in the search: another, coarser measurement" if finals else f"Search: {verdict.protocol}", search),
        *([] if finals else [baselines]),
        ("Without a number", nothing),
    )
    made = ((title, tuple(_row(one, verdict, axis, rank) for one in standings)) for title, standings in listed)
    return tuple(Group(title, rows[:SHOWN], rows[SHOWN:]) for title, rows in made if rows)


def leaderboard_limits(verdict: Verdict) -> Limits:
    """The axis of all drawings."""
    known = [one.rmse for one in (*verdict.standings, *verdict.baselines) if one.rmse is not None]
    always = [one.rmse.value for one in (*verdict.baselines, verdict.winner, verdict.control) if one and one.rmse]
    return limits(known, always)


def _row(one: Standing, verdict: Verdict, axis: Limits, rank: dict[str, str]) -> Row:
    role, control = _role(one, verdict), verdict.control
    level = control.rmse.value if control and control.rmse else None
    return Row(
        rank=rank.get(one.name, "") if role != "baseline" else "",
        name=one.name,
        made=": ".join(part for part in (schedule(one), history(one)) if part) if verdict.evolution else "",
        role=role,
        note=_note(one),
        rmse=number(one.rmse.value if one.rmse else None),
        interval=_interval(one.rmse),
        drawing=interval_svg(one.rmse, axis, role, level) if one.rmse else "",
        difference=signed(one.difference.value if one.difference else None),
        p=p_value(one.p),
        step=number(one.step, 0),
        search_rmse=number(one.search_rmse),
        parameters="–" if one.parameters is None else f"{one.parameters:,}",
        time=duration(one.seconds),
    )


def _role(one: Standing, verdict: Verdict) -> str:
    if one.stage == "baseline":
        return "baseline"
    if one.name == verdict.winner.name:
        return "winner"
    return "control" if verdict.control and one.name == verdict.control.name else "variant"


def _note(one: Standing) -> str:
    """How it ended, where that is worth a word, and why."""
    ending = "" if one.status in ORDINARY or one.stage == "baseline" else one.status
    return ": ".join(part for part in (ending, one.error) if part)


def _interval(rmse: Estimate | None) -> str:
    if rmse is None or not math.isfinite(reach(rmse)):
        return ""
    low, high = rmse.interval
    return f"{number(low)} to {number(high)}"


def duration(seconds: float | None) -> str:
    """`12 s`, `3 min`, `2.5 h`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
