"""RMSE against training steps."""

import math
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tuner.reporting.figures.canvas import BLACK, BLUE, GREEN, VERMILION, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.words import UNIT, Limits, mean_predictor, plural, told
from tuner.results.standing import LearningCurve
from tuner.results.verdict import Verdict

OTHERS = 60
HEIGHT = 3.6
TITLES = {"search": "search", "finals": "finals"}


def curves_picture(verdict: Verdict) -> Picture | None:
    """The learning curves of the search and of the finals; None if there are none."""
    stages = [stage for stage in TITLES if any(one.stage == stage for one in verdict.curves)]
    if not stages:
        return None
    control = verdict.control.name if verdict.control else ""
    panels = [_shown(verdict, stage, control) for stage in stages]
    top = _limits(verdict, tuple(chain.from_iterable(panels)), control)
    cut = any(value > top[1] for one in chain.from_iterable(panels) for value in one.rmse)
    left_out = sum(one.stage in TITLES for one in verdict.curves) - sum(len(panel) for panel in panels)
    caption = told(
        "RMSE on held-out images while training: a curve that rises again overfits.",
        "The winner is the thick line, the base config is dashed, others are grey; bands are ± one standard error.",
        "Of a population's member the search has the curve of its lineage: before it was replaced, that of its donors."
        if verdict.evolution
        else "",
        "The marked point is the winner's step: the lowest of its curve, and so a little lower than the truth.",
        "Curves that leave the frame are cut off." if cut else "",
        f"{plural(left_out, 'more curve')} of variants with a higher RMSE are not shown." if left_out else "",
    )
    size = (WIDTH, HEIGHT + 0.85)

    def draw(figure: Figure) -> None:
        wide = (WIDTH - 0.7 - 0.25 * len(stages)) / len(stages)
        for index, (stage, panel) in enumerate(zip(stages, panels, strict=True)):
            axes = inches(figure, 0.7 + index * (wide + 0.25), 0.5, wide, HEIGHT - 0.3)
            axes.set_title(f"{TITLES[stage]}: {plural(len({one.variant for one in panel}), 'variant')}", loc="left")
            _draw(axes, verdict, panel, control, top)
            axes.set_ylabel(f"RMSE ({UNIT})" if index == 0 else "")
            axes.tick_params(labelleft=index == 0)
        figure.legend(handles=_legend(verdict, control, top), loc="upper left", ncols=5, bbox_to_anchor=(0.06, 1.0))

    return Picture(svg_of("curves", caption, size, draw), caption)


def _shown(verdict: Verdict, stage: str, control: str) -> tuple[LearningCurve, ...]:
    """The curves of a stage: the best variants', the winner's last so that it is on top."""
    order = {one.name: index for index, one in enumerate(verdict.standings)}
    here = sorted(
        (one for one in verdict.curves if one.stage == stage), key=lambda one: order.get(one.variant, len(order))
    )
    special = {control, verdict.winner.name}
    others = [one for one in here if one.variant not in special][:OTHERS]
    return (*others, *sorted((one for one in here if one.variant in special), key=lambda one: one.variant != control))


def _limits(verdict: Verdict, curves: tuple[LearningCurve, ...], control: str) -> Limits:
    """Low enough for all; high enough for the winner, the base config after its first steps, and the mean predictor."""
    mean = mean_predictor(verdict)
    low = [value for one in curves for value in one.rmse if math.isfinite(value)]
    special = [one for one in curves if one.variant in (control, verdict.winner.name)] or list(curves)
    high = [float(np.quantile(found, 0.8)) for one in special if (found := [v for v in one.rmse if math.isfinite(v)])]
    high += [mean.rmse.value] if mean and mean.rmse and math.isfinite(mean.rmse.value) else []
    bottom, top = (min(low), max(high)) if low and high else (0.0, 1.0)
    pad = 0.15 * (top - bottom) or 0.05 * max(abs(top), 1.0)
    return bottom - pad, top + pad


def _draw(axes: Axes, verdict: Verdict, panel: tuple[LearningCurve, ...], control: str, ends: Limits) -> None:
    winner = verdict.winner.name
    others = [np.column_stack([one.steps, one.rmse]) for one in panel if one.variant not in (winner, control)]
    axes.add_collection(LineCollection(others, colors="#bbbbbb", linewidths=0.8))
    for one in panel:
        if one.variant not in (winner, control):
            continue
        colour, style = (BLUE, "-") if one.variant == winner else (BLACK, "--")
        rmse, se = np.array(one.rmse), np.array(one.se)
        axes.fill_between(one.steps, rmse - se, rmse + se, color=colour, alpha=0.15, linewidth=0)
        axes.plot(one.steps, rmse, style, color=colour, linewidth=2 if one.variant == winner else 1.4)
        if one.variant == winner and verdict.winner.step in one.steps and verdict.winner.stage == one.stage:
            at = one.steps.index(verdict.winner.step)
            axes.plot(one.steps[at], rmse[at], "o", color=BLUE, markersize=8, markerfacecolor="white", zorder=5)
    for height, colour, _ in _levels(verdict):
        axes.axhline(height, color=colour, linewidth=1, linestyle=":")
    steps = [step for one in panel for step in one.steps]
    axes.set(ylim=ends, xlim=(0, max(steps, default=1) * 1.02), xlabel="training steps")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)


def _levels(verdict: Verdict) -> list[tuple[float, str, str]]:
    """Lines to compare with: height, colour, name."""
    mean = mean_predictor(verdict)
    found = [(mean.rmse.value, VERMILION, "predicting the mean")] if mean and mean.rmse else []
    return [*found, *([(verdict.noise_rmse, GREEN, "perfect model")] if verdict.noise_rmse is not None else [])]


def _legend(verdict: Verdict, control: str, ends: Limits) -> list[Line2D]:
    lines = [Line2D([], [], color=BLUE, linewidth=2, label="winner")]
    if control and control != verdict.winner.name:
        lines.append(Line2D([], [], color=BLACK, linewidth=1.4, linestyle="--", label="base config"))
    lines.append(Line2D([], [], color="#bbbbbb", linewidth=0.8, label="other variants"))
    return lines + [
        Line2D([], [], color=colour, linewidth=1, linestyle=":", label=name)
        for height, colour, name in _levels(verdict)
        if ends[0] < height < ends[1]
    ]
