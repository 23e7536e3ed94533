"""What each mutation did: a forest plot."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tuner.reporting.figures.canvas import BLACK, BLUE, GREY, VERMILION, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.words import UNIT, Limits, limits, p_value, plural, ranks, reach, shortened, signed, told
from tuner.results.standing import Effect
from tuner.results.verdict import SIGNIFICANT, Verdict

SHOWN = 40
ROW, GUTTER, NUMBERS = 0.23, 4.0, 1.35
DIFFERENCE_AT, P_AT = 1.18, 1.295
"""The right ends of the two columns of numbers, in widths of the plot."""
CORRECTED = "p is corrected for the number of mutations (Holm); the intervals are per comparison and are not corrected."


def shown_effects(effects: tuple[Effect, ...], most: int = SHOWN) -> tuple[Effect, ...]:
    """Those with the lowest p, in the order from the most helpful to the most harmful."""
    known = [one for one in effects if math.isfinite(one.difference.value)]
    kept = sorted(known, key=lambda one: (one.p, -abs(one.difference.value)))[:most]
    return tuple(sorted(kept, key=lambda one: (one.difference.value, one.mutation, one.variant)))


def effect_labels(effects: tuple[Effect, ...], rank: dict[str, str], most: int) -> list[str]:
    """The place of the variant, the mutation, and what it was applied to if that was not the same for all."""
    places = [f"{rank[one.variant]}. " if one.variant in rank else "" for one in effects]
    if len({one.parent for one in effects}) == 1:
        return [f"{place}{shortened(one.mutation, most)}" for place, one in zip(places, effects, strict=True)]
    return [
        f"{place}{shortened(one.mutation, most - 18)} on {shortened(one.parent, 14)}"
        for place, one in zip(places, effects, strict=True)
    ]


def effects_picture(verdict: Verdict) -> Picture | None:
    """Difference in RMSE, 95 % interval and p of every mutation; None if there is none to draw."""
    effects = verdict.effects
    shown = shown_effects(effects)
    if not shown:
        return None
    labels = effect_labels(shown, ranks(verdict), 54)
    helped = [one for one in shown if one.p < SIGNIFICANT and one.difference.value < 0]
    harmed = [one for one in shown if one.p < SIGNIFICANT and one.difference.value > 0]
    left_out = len(effects) - len(shown)
    caption = told(
        "Left of the line, a mutation lowered the RMSE: better.",
        f"Of the {plural(len(shown), 'mutation')} drawn, {len(helped)} helped and {len(harmed)} harmed beyond doubt: "
        "filled circles, p below 0.05. Hollow circles could be luck.",
        CORRECTED,
        "The number before a name is the place in the leaderboard.",
        f"{left_out} of {len(effects)} are not shown: those with the highest p." if left_out else "",
    )
    size = (WIDTH, 0.8 + ROW * len(shown))
    return Picture(svg_of("effects", caption, size, lambda figure: _draw(figure, shown, labels)), caption)


def _draw(figure: Figure, shown: tuple[Effect, ...], labels: list[str]) -> None:
    axes = inches(figure, GUTTER, 0.5, WIDTH - GUTTER - NUMBERS, ROW * len(shown))
    ends = limits([one.difference for one in shown], always=(0.0,))
    axes.set(xlim=ends, ylim=(len(shown) - 0.5, -0.5))
    axes.set_xlabel(f"RMSE with the mutation minus without it ({UNIT})")
    axes.axvline(0, color=BLACK, linewidth=0.8)
    for row, effect in enumerate(shown):
        _draw_row(axes, row, effect, ends)
    axes.set_yticks(np.arange(len(shown)), labels)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    zero = (0 - ends[0]) / (ends[1] - ends[0])
    for x, text, align in (
        (zero - 0.03, "better ←", "right"),
        (zero, "0", "center"),
        (zero + 0.03, "→ worse", "left"),
        (DIFFERENCE_AT, "difference", "right"),
        (P_AT, "p", "right"),
    ):
        axes.annotate(text, (x, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", ha=align)


def _draw_row(axes: Axes, row: int, effect: Effect, ends: Limits) -> None:
    value, width, sure = effect.difference.value, reach(effect.difference), effect.p < SIGNIFICANT
    colour = (BLUE if value < 0 else VERMILION) if sure else GREY
    if row % 2 == 0:
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", zorder=0, linewidth=0)
    if math.isfinite(width):
        axes.plot([max(value - width, ends[0]), min(value + width, ends[1])], [row, row], color=colour, linewidth=1.6)
    outside = "<" if value < ends[0] else ">" if value > ends[1] else ""
    axes.plot(
        min(max(value, ends[0]), ends[1]),
        row,
        outside or "o",
        color=colour,
        markersize=6,
        markerfacecolor=colour if sure or outside else "white",
        clip_on=False,
    )
    weight = "bold" if sure else "normal"
    for x, text in ((DIFFERENCE_AT, signed(value)), (P_AT, p_value(effect.p))):
        axes.text(x, row, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontweight=weight)
