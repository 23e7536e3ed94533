"""A table of numbers as colours, one column a neuron."""

import math
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tuner.reporting.figures.canvas import DIVERGING, WIDTH, inches
from tuner.reporting.figures.words import shortened

COLUMNS = 120
"""More are too narrow to be seen."""
WRITTEN = 24
"""Up to so many columns, the numbers are legible."""
NAMED = 60
ROW, GUTTER, MARGIN = 0.24, 3.15, 0.15
WIDEST = 0.7


@dataclass(frozen=True, eq=False)
class HeatMap:
    """What is drawn.

    Attributes:
        rows: Names.
        columns: Names.
        values: `[rows, columns]`; NaN is left blank.
        texts: The same shape: what is written into each cell, where there is room.
        marked: The same shape: cells with a dot, room or not.
        centre: The value that is white.
        title: Of the colours.
        ends: What the lowest and the highest colour mean.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]
    texts: tuple[tuple[str, ...], ...]
    marked: npt.NDArray[np.bool_]
    centre: float
    title: str
    ends: tuple[str, str]

    @property
    def size(self) -> tuple[float, float]:
        """Inches."""
        return WIDTH, ROW * len(self.rows) + self._names + 0.55

    @property
    def _names(self) -> float:
        """Height of the columns' names in inches."""
        return 0.1 + 0.07 * max(len(shortened(name, 12)) for name in self.columns)

    def draw(self, figure: Figure) -> None:
        """The figure shows it."""
        height, width = ROW * len(self.rows), min(WIDTH - GUTTER - MARGIN, WIDEST * len(self.columns))
        axes = inches(figure, GUTTER, 0.5, width, height)
        scale = self._scale()
        axes.pcolormesh(self.values, cmap=DIVERGING, norm=scale, edgecolors="white", linewidth=self._line)
        axes.set(ylim=(len(self.rows), 0), xlim=(0, len(self.columns)))
        axes.set_yticks(np.arange(len(self.rows)) + 0.5, list(self.rows))
        every = math.ceil(len(self.columns) / NAMED)
        named = range(0, len(self.columns), every)
        axes.set_xticks(
            [column + 0.5 for column in named], [shortened(self.columns[column], 12) for column in named], rotation=90
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=3, labelsize=7.5 if len(self.columns) <= 40 else 6)
        axes.tick_params(axis="y", labelsize=8.5)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row, column in np.ndindex(self.values.shape):
            self._write(figure, row, column, scale)
        self._draw_key(figure, scale)

    @property
    def _line(self) -> float:
        return 1.0 if len(self.columns) <= NAMED else 0.3

    def _scale(self) -> Normalize:
        """The same distance on both sides of the centre; the most extreme fiftieth of the cells may be off it."""
        distance = np.abs(self.values[np.isfinite(self.values)] - self.centre)
        far = float(np.quantile(distance, 0.98)) if distance.size else 0.0
        far = far or 1e-6
        return Normalize(self.centre - far, self.centre + far, clip=True)

    def _write(self, figure: Figure, row: int, column: int, scale: Normalize) -> None:
        """The cell's text, or its mark alone where there is no room."""
        text = self.texts[row][column] if len(self.columns) <= WRITTEN else "•" if self.marked[row, column] else ""
        value = self.values[row, column]
        if not text or not math.isfinite(value):
            return
        red, green, blue, _ = matplotlib.colormaps[DIVERGING](scale(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        figure.axes[0].text(
            column + 0.5,
            row + 0.52,
            text,
            ha="center",
            va="center",
            fontsize=7 if len(self.columns) > 14 else 8,
            color="white" if dark else "black",
            fontweight="bold" if self.marked[row, column] else "normal",
        )

    def _draw_key(self, figure: Figure, scale: Normalize) -> None:
        """The colours with their values, below."""
        axes = inches(figure, GUTTER + 0.7, 0.24, 2.6, 0.12)
        steps = np.linspace(float(scale.vmin or 0), float(scale.vmax or 0), 65)
        axes.pcolormesh(steps, [0, 1], (steps[None, 1:] + steps[None, :-1]) / 2, cmap=DIVERGING, norm=scale)
        axes.set(yticks=[])
        marks = (float(steps[0]), self.centre, float(steps[-1]))
        axes.set_xticks(marks, [f"{mark:.3g}".replace("-", "−") for mark in marks])
        axes.tick_params(labelsize=7.5, length=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title(self.title, fontsize=8, pad=3)
        for x, text, align in ((-0.02, self.ends[0], "right"), (1.02, self.ends[1], "left")):
            axes.text(x, 0.5, text, transform=axes.transAxes, ha=align, va="center", fontsize=8)
