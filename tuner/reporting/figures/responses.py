"""Predicted against measured responses, one panel a neuron."""

import math

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tuner.reporting.figures.canvas import BLACK, BLUE, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.neurons import neuron_order, spread
from tuner.reporting.figures.words import UNIT, number, plural, shortened, told
from tuner.results.verdict import Verdict

PANELS = 24
POINTS = 1000
ACROSS = 6
SIDE, GAP, TITLE = 1.2, 0.22, 0.36
Floats = npt.NDArray[np.float64]


def responses_picture(verdict: Verdict) -> Picture | None:
    """The winner's held-out predictions; None if there are none."""
    whole = np.isfinite(verdict.predicted) & np.isfinite(verdict.measured)
    neurons = spread([index for index in neuron_order(verdict) if whole[:, index].any()], PANELS)
    if not neurons:
        return None
    most = int(whole[:, neurons].sum(axis=0).max())
    left_out = len(verdict.neurons) - len(neurons)
    caption = told(
        "Each point is an image that had no part in the training of the network that predicts it: the closer to the "
        "diagonal, the better.",
        f"Points are means over repeats; r and RMSE are of one network. All in {UNIT}, best predicted neurons first.",
        f"{plural(left_out, 'neuron')} not shown: those drawn are spread evenly from the best predicted to the worst."
        if left_out
        else "",
        f"At most {POINTS} points a neuron are drawn, evenly spread." if most > POINTS else "",
    )
    rows = math.ceil(len(neurons) / ACROSS)
    size = (WIDTH, rows * (SIDE + TITLE + GAP) + 0.2)
    return Picture(svg_of("responses", caption, size, lambda figure: _draw(figure, verdict, neurons)), caption)


def _draw(figure: Figure, verdict: Verdict, neurons: list[int]) -> None:
    rows, top = math.ceil(len(neurons) / ACROSS), figure.get_size_inches()[1]
    for place, neuron in enumerate(neurons):
        row, column = divmod(place, ACROSS)
        left = 0.65 + column * (SIDE + GAP + 0.05)
        axes = inches(figure, left, top - (row + 1) * (SIDE + TITLE) - row * GAP, SIDE, SIDE)
        _draw_panel(axes, verdict, neuron)
        axes.set_xlabel("measured" if row == rows - 1 or place + ACROSS >= len(neurons) else "")
        axes.set_ylabel("predicted" if column == 0 else "")


def _draw_panel(axes: Axes, verdict: Verdict, neuron: int) -> None:
    measured, predicted = verdict.measured[:, neuron].astype(np.float64), verdict.predicted[:, neuron]
    rows = [int(index) for index in np.flatnonzero(np.isfinite(measured) & np.isfinite(predicted))]
    drawn = spread(rows, POINTS)
    low, high = _ends(measured[rows], predicted[rows])
    axes.plot((low, high), (low, high), color=BLACK, linewidth=0.7, zorder=3)
    axes.plot(measured[drawn], predicted[drawn], ".", color=BLUE, markersize=3, alpha=0.45, markeredgewidth=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=3)
    axes.tick_params(labelsize=7, length=2)
    correlation, rmse = _scores(verdict, neuron, measured[rows], predicted[rows])
    axes.set_title(
        f"{shortened(verdict.neurons[neuron], 20)}\nr {number(correlation, 2)}, RMSE {number(rmse, 3)}",
        fontsize=7.5,
        loc="left",
        pad=3,
    )


def _scores(verdict: Verdict, neuron: int, measured: Floats, predicted: Floats) -> tuple[float, float]:
    """Correlation and RMSE, of one network if the verdict has them."""
    found = verdict.neuron_metrics
    with np.errstate(invalid="ignore", divide="ignore"):
        own = float(np.corrcoef(measured, predicted)[0, 1]) if len(measured) > 1 else math.nan
    error = float(np.sqrt(np.square(measured - predicted).mean()))
    return (
        found["correlation"][neuron] if "correlation" in found else own,
        found["rmse"][neuron] if "rmse" in found else error,
    )


def _ends(*values: Floats) -> tuple[float, float]:
    low, high = min(float(each.min()) for each in values), max(float(each.max()) for each in values)
    pad = 0.05 * (high - low) or 0.5
    return low - pad, high + pad
