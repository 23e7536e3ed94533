"""One interval of the leaderboard, drawn inside its row."""

import math

from tuner.reporting.figures.canvas import BLACK, BLUE, GREY, VERMILION
from tuner.reporting.figures.words import Limits, reach
from tuner.results.estimate import Estimate

WIDTH, HEIGHT = 220, 20
COLOURS = {"winner": BLUE, "control": BLACK, "baseline": VERMILION, "variant": "#777777"}


def place(value: float, limits: Limits) -> float:
    """Where a value lies, from 0 to the drawing's width; what is outside is at the edge."""
    low, high = limits
    return 6 + (WIDTH - 12) * min(max((value - low) / (high - low), 0.0), 1.0)


def interval_svg(estimate: Estimate, limits: Limits, role: str, control: float | None) -> str:
    """A point and its 95 % interval: circle, square (control) or diamond (baseline); an arrow points off the axis.

    Args:
        estimate: The RMSE.
        limits: The axis, the same in every row.
        role: `winner`, `control`, `baseline` or `variant`.
        control: The control's RMSE, a dashed line through every row.
    """
    y, colour, width = HEIGHT / 2, COLOURS[role], reach(estimate)
    parts = []
    if control is not None:
        x = place(control, limits)
        parts.append(f'<path d="M{x:.1f} 0V{HEIGHT}" stroke="{GREY}" stroke-dasharray="3 2"/>')
    if math.isfinite(width):
        ends = (place(estimate.value - width, limits), place(estimate.value + width, limits))
        parts.append(f'<path d="M{ends[0]:.1f} {y}H{ends[1]:.1f}" stroke="{colour}" stroke-width="2"/>')
    if not math.isfinite(estimate.value) or estimate.value > limits[1]:
        parts.append(f'<path d="M{WIDTH - 10} {y - 5}l8 5l-8 5z" fill="{colour}"/>')
    else:
        parts.append(_mark(place(estimate.value, limits), y, role, colour))
    return f'<svg class="interval" aria-hidden="true" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'


def axis_svg(limits: Limits) -> str:
    """The axis above those drawings: three values."""
    low, high = limits
    ticks = [low + (high - low) * share for share in (0.12, 0.5, 0.88)]
    parts = [
        f'<path d="M{place(tick, limits):.1f} {HEIGHT - 5}v5" stroke="#555"/>'
        f'<text x="{place(tick, limits):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{tick:.3f}</text>'
        for tick in ticks
    ]
    return f'<svg class="interval" aria-hidden="true" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'


def _mark(x: float, y: float, role: str, colour: str) -> str:
    if role == "control":
        return f'<rect x="{x - 4:.1f}" y="{y - 4}" width="8" height="8" fill="{colour}"/>'
    if role == "baseline":
        return f'<path d="M{x - 6:.1f} {y}l6 -6l6 6l-6 6z" fill="#fff" stroke="{colour}" stroke-width="2"/>'
    radius, fill = (5.5, colour) if role == "winner" else (4, "#fff")
    return f'<circle cx="{x:.1f}" cy="{y}" r="{radius}" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
