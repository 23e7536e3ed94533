"""The settings that differ between the variants: parallel coordinates."""

import math
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tuner.hyper_parameters import HyperParameters, differing, hyper_parameters
from tuner.reporting.figures.canvas import BLACK, SEQUENTIAL, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.setting_axis import SettingAxis, setting_axis
from tuner.reporting.figures.words import number, plural, told
from tuner.results.entry import Entry
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict

AXES, LINES = 9, 200
FEW = 20
"""With so few variants, the worst one is on the axis, however bad it is."""
HEIGHT, TOP = 3.2, 0.75


def parallel_picture(verdict: Verdict, entries: tuple[Entry, ...]) -> Picture | None:
    """A line a variant through its settings and its RMSE; None if nothing differs or fewer than two were measured.

    Nor is there one of a population, whose members have their settings for a part of their training.
    """
    if verdict.evolution:
        return None
    configs = {entry.name: hyper_parameters(entry.config) for entry in entries}
    measured = [one for one in verdict.standings if _rmse(one) < math.inf and one.name in configs]
    drawn = sorted(measured, key=_rmse)[:LINES]
    tables = [configs[one.name] for one in drawn]
    differ = differing(tables)
    if len(drawn) < 2 or not differ:
        return None
    names = _most_telling(verdict.importances, [name for name in _in_order(tables) if name in differ], tables)
    axes = [setting_axis(tuple(table.get(name) for table in tables)) for name in names]
    caption = told(
        "Each line is a variant: it passes its value of every setting that differs between variants and ends at its "
        "RMSE in the search, where lower is better. Dark lines have a low RMSE.",
        "The winner is the thick line with circles, the base config is dashed with squares; 'none' is a setting that a "
        "variant lacks. Lines at one value are drawn a little apart.",
        f"{len(names)} of {len(differ)} settings are drawn: of those that always change together only one, and at most "
        f"{AXES}."
        if len(names) < len(differ)
        else "",
        f"{plural(len(measured) - len(drawn), 'more variant')} with a higher RMSE not shown."
        if len(measured) > len(drawn)
        else "",
    )

    def draw(figure: Figure) -> None:
        _draw(inches(figure, 0.95, 0.3, WIDTH - 1.75, HEIGHT), verdict, drawn, names, axes)

    return Picture(svg_of("parallel", caption, (WIDTH, HEIGHT + TOP + 0.3), draw), caption)


def _rmse(standing: Standing) -> float:
    """In the search: that of the finals was measured in another way, and on few variants."""
    value = standing.search_nested_rmse
    return value if value is not None and math.isfinite(value) else math.inf


def _in_order(tables: list[HyperParameters]) -> list[str]:
    """Every setting's name, in the order of the configs."""
    return list(dict.fromkeys(name for table in tables for name in table))


def _most_telling(importances: dict[str, float], names: list[str], tables: list[HyperParameters]) -> list[str]:
    """At most `AXES` of the names: one of those that always change together, the most important, the most used."""
    best = sorted(names, key=lambda name: (-importances.get(name, 0.0), -sum(name in table for table in tables)))
    kept: dict[tuple[int, ...], str] = {}
    for name in best:
        values = [repr(table.get(name)) for table in tables]
        kept.setdefault(tuple(values.index(value) for value in values), name)
    return [name for name in names if name in list(kept.values())[:AXES]]


def _draw(axes: Axes, verdict: Verdict, drawn: list[Standing], names: list[str], settings: list[SettingAxis]) -> None:
    rmse = np.array([_rmse(one) for one in drawn])
    low, high = float(rmse.min()), float(np.quantile(rmse, 0.95) if len(rmse) > FEW else rmse.max())
    high = high if high > low else low + 1e-6
    scale = Normalize(low, high, clip=True)
    control = verdict.control.name if verdict.control else ""
    for index in reversed(range(len(drawn))):
        apart = 0.05 * (index / max(1, len(drawn) - 1) - 0.5)
        heights = [axis.positions[index] + (apart if axis.discrete else 0) for axis in settings] + [scale(rmse[index])]
        look = _look(drawn[index].name, verdict.winner.name, control)
        axes.plot(heights, color=matplotlib.colormaps[SEQUENTIAL](0.9 * scale(rmse[index])), clip_on=False, **look)
    for column, axis in enumerate(settings):
        axes.axvline(column, color="#888888", linewidth=0.8, zorder=0)
        for at, text in axis.ticks:
            _write(axes, column, at, text)
    axes.axvline(len(names), color=BLACK, linewidth=1.2, zorder=0)
    for share in (0, 0.5, 1):
        more = "≥ " if share == 1 and rmse.max() > high else ""
        _write(axes, len(names), share, more + number(low + share * (high - low)), bold=True)
    for column, name in enumerate([*map(axis_title, names), "RMSE"]):
        axes.text(column, 1.08, name, ha="center", va="bottom", fontsize=7.5)
    axes.set(xlim=(0, len(names)), ylim=(-0.05, 1.05))
    axes.set_axis_off()


def _look(name: str, winner: str, control: str) -> dict[str, Any]:
    """How a variant's line is drawn, beside its colour."""
    if name == winner:
        return {"linewidth": 3.0, "marker": "o", "markersize": 7, "zorder": 4}
    if name == control:
        return {"linewidth": 1.8, "linestyle": "--", "marker": "s", "markersize": 5, "zorder": 3}
    return {"linewidth": 1.0, "alpha": 0.75, "zorder": 2}


def _write(axes: Axes, column: int, height: float, text: str, *, bold: bool = False) -> None:
    """A value at its place on an axis, legible above the lines."""
    axes.annotate(
        text,
        (column, height),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        fontweight="bold" if bold else "normal",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
        zorder=6,
    )


def axis_title(name: str) -> str:
    """`model.conv_layers.0.num_filters` on two lines, without its first word."""
    path = name.split(".")
    parts = path[1:] if len(path) > 1 else path
    joined = parts[:1]
    for before, part in pairwise(parts):
        if part.isdigit():
            joined[-1] = f"{before} {part}"
        else:
            joined.append(part)
    return "\n".join(joined)
