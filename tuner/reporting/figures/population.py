"""A population's learning curves, and the winner's way through them."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tuner.reporting.figures.canvas import BLACK, BLUE, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.words import UNIT, Limits, plural, shortened, told
from tuner.reporting.population_rows import mutations_of
from tuner.results.evolution import Branch, Evolution
from tuner.results.verdict import Verdict

LEFT, WIDE, HEIGHT = 0.7, 7.7, 3.8
ROW, LETTER = 0.17, 0.06
"""Inches: between two labels, and of a letter of them, which is rather wide."""
LABELS, NAMED = 14, 16
"""At most so many mutations are written beside the curve, and so many members at its end."""
OTHER, THIN = "#a8a8a8", "#606060"
Point = tuple[float, float]


def population_picture(verdict: Verdict) -> Picture | None:
    """Every member's curves and whom it went on from; None if the search was of no population."""
    evolution = verdict.evolution
    if not evolution:
        return None
    shown = evolution.path[:LABELS]
    ends = _limits(evolution)
    cut = any(value > ends[1] for one in evolution.branches for value in one.rmse)
    left_out = len(evolution.path) - len(shown)
    early = plural(len(evolution.ended_early), "member")
    caption = told(
        "RMSE while the population was trained, on the held-out images that had no part in choosing who is replaced.",
        "The thick line is the winner's lineage, across the members that it was handed on by, to the winner's step "
        "(circle); what is written above it began at a dot.",
        "A cross is where a member gave up its networks: it went on with another member's, from the other end of the "
        "dotted line. The base config is dashed; it is never replaced.",
        f"{early} ended before others: a population begins with more than go on." if evolution.ended_early else "",
        "Curves that leave the frame are cut off." if cut else "",
        f"{plural(left_out, 'more phase')} of the winner: see the table." if left_out else "",
    )
    top = 0.45 + ROW * len(shown)

    def draw(figure: Figure) -> None:
        axes = inches(figure, LEFT, 0.5, WIDE, HEIGHT)
        _frame(axes, evolution, ends)
        _draw_members(axes, evolution)
        _draw_path(axes, evolution.path, verdict.winner.step)
        _label(axes, shown)
        _name(axes, evolution, verdict.winner.name)
        figure.legend(handles=_legend(verdict), loc="upper left", ncols=5, bbox_to_anchor=(0.06, 1.0))

    return Picture(svg_of("population", caption, (WIDTH, 0.5 + HEIGHT + top), draw), caption)


def spaced(places: Sequence[float], gap: float) -> list[float]:
    """Places from 0 to 1 in the same order, as near to these as they can be with this gap between any two.

    Those that are too close share their room around their middle: an isotonic regression of the places less the gaps
    below each, by the pool adjacent violators algorithm. If there is too little room, some are above 1.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    pools = list[tuple[float, int]]()  # their mean, and how many they are
    for rank, index in enumerate(order):
        mean, count = places[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            before, more = pools.pop()
            mean, count = (mean * count + before * more) / (count + more), count + more
        pools.append((mean, count))
    highest = 1 - (len(places) - 1) * gap
    levels = [max(0.0, min(mean, highest)) for mean, count in pools for _ in range(count)]
    return [levels[rank] + rank * gap for rank in np.argsort(order)]


def _limits(evolution: Evolution) -> Limits:
    """All values, but for those of the first steps that are far above the others."""
    values = np.array([value for one in evolution.branches for value in one.rmse if math.isfinite(value)])
    if not len(values):
        return 0.0, 1.0
    low, most = float(values.min()), float(np.quantile(values, 0.8))
    high = min(float(values.max()), most + 0.5 * (most - low))
    pad = 0.04 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - pad, high + pad


def _frame(axes: Axes, evolution: Evolution, ends: Limits) -> None:
    last = max((step for one in evolution.branches for step in one.steps), default=1)
    axes.set(xlim=(0, last), ylim=ends, xlabel="training steps", ylabel=f"RMSE ({UNIT})")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_members(axes: Axes, evolution: Evolution) -> None:
    lines = {one: np.column_stack([one.steps, one.rmse]) for one in evolution.branches if one.steps}
    others = [line for one, line in lines.items() if one.member != evolution.control]
    axes.add_collection(LineCollection(others, colors=OTHER, linewidths=1.0))
    for one in evolution.replacements:
        if one.steps:
            axes.plot((one.step, one.steps[0]), (evolution.begun_at(one), one.rmse[0]), ":", color=THIN, linewidth=0.9)
    for one in evolution.given_up:
        axes.plot(one.steps[-1:], one.rmse[-1:], "x", color=THIN, markersize=5, zorder=3)
    for one, line in lines.items():
        if one.member == evolution.control:
            axes.plot(*line.T, "--", color=BLACK, linewidth=1.4)


def _draw_path(axes: Axes, path: Sequence[Branch], step: int | None) -> None:
    points = _points(path)
    axes.plot(*zip(*points, strict=True) if points else ((), ()), color=BLUE, linewidth=2.6, zorder=4)
    begun = [at for one in path if one.step and math.isfinite((at := _begin(path, one))[1])]
    axes.plot(*zip(*begun, strict=True) if begun else ((), ()), "o", color=BLUE, markersize=5.5, zorder=5)
    chosen = [point for point in points if point[0] == step]
    axes.plot(
        *zip(*chosen, strict=True) if chosen else ((), ()),
        "o",
        color=BLUE,
        markersize=8,
        markerfacecolor="white",
        zorder=5,
        clip_on=False,
    )


def _label(axes: Axes, path: Sequence[Branch]) -> None:
    """What began where, a row each, the first on top: no line to a later label crosses an earlier one."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for row, branch in enumerate(reversed(path)):
        x = (branch.step - left) / (right - left)
        text_y = 1 + (0.14 + ROW * row) / HEIGHT
        level = _begin(path, branch)[1]
        to = min(max((level - low) / (high - low), 0.0), 1.0) if math.isfinite(level) else 1.0
        axes.plot(
            (x, x),
            (to, text_y),
            color=BLUE,
            alpha=0.6,
            linewidth=0.7,
            transform=axes.transAxes,
            clip_on=False,
            zorder=3,
        )
        begin = f"from {branch.step}: "
        room = (WIDTH - LEFT - 0.1 - x * WIDE) / LETTER - len(begin)
        text = begin + shortened(mutations_of(branch), max(8, int(room)))
        axes.text(x + 0.05 / WIDE, text_y, text, transform=axes.transAxes, va="center", fontsize=7.5)


def _name(axes: Axes, evolution: Evolution, winner: str) -> None:
    """The names of the members that went on, where their curves end."""
    named = {*evolution.members} - {*evolution.ended_early} | {winner}
    if len(named) > NAMED:
        return
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    branches = [one for one in evolution.branches if one.member in named and math.isfinite(one.last)]
    last = {one.member: (one.steps[-1], one.last) for one in branches}
    heights = [min(max((rmse - low) / (high - low), 0.0), 1.0) for _, rmse in last.values()]
    places = spaced(heights, 0.15 / HEIGHT)
    for (name, (step, _)), height, place in zip(last.items(), heights, places, strict=True):
        bold = name == winner
        start = (step - left) / (right - left)
        axes.plot((start, 1.015), (height, place), color=OTHER, linewidth=0.6, transform=axes.transAxes, clip_on=False)
        axes.text(
            1.02,
            place,
            shortened(name, 16),
            transform=axes.transAxes,
            va="center",
            fontsize=7.5,
            color=BLUE if bold else "#333333",
            fontweight="bold" if bold else "normal",
        )


def _points(path: Sequence[Branch]) -> list[Point]:
    return [point for one in path for point in zip(one.steps, one.rmse, strict=True)]


def _begin(path: Sequence[Branch], branch: Branch) -> Point:
    """Where a phase begins on the lineage's curve: at the last evaluation of the one before, or its own first."""
    before = [point for point in _points(path) if point[0] <= branch.step]
    return (branch.step, before[-1][1] if before else branch.rmse[0] if branch.rmse else math.nan)


def _legend(verdict: Verdict) -> list[Line2D]:
    base = [Line2D([], [], color=BLACK, linewidth=1.4, linestyle="--", label="base config")]
    return [
        Line2D([], [], color=BLUE, linewidth=2.6, label="the winner's lineage"),
        *(base if verdict.winner.name != verdict.evolution.control else ()),
        Line2D([], [], color=OTHER, linewidth=1.0, label="other members"),
        Line2D([], [], color=THIN, linewidth=0, marker="x", markersize=5, label="given up"),
        Line2D([], [], color=THIN, linewidth=0.9, linestyle=":", label="goes on from"),
    ]
