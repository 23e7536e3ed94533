"""SVG text from matplotlib: the same for the same values, whatever the user's own settings are."""

import html
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 9.6
"""Inches: a laptop's column at full size, a printed page's at 3/4."""
BLUE, ORANGE, GREEN, VERMILION, BLACK, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#000000", "#999999"
"""Of the palette that is told apart with any colour vision (Okabe and Ito 2008)."""
DIVERGING, SEQUENTIAL = "RdBu_r", "cividis"

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tuner",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#555555",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Picture:
    """A figure, and what stands below it.

    Attributes:
        svg: One `svg` element, to be put into HTML as it is.
        caption: What to see, and what is not shown.
    """

    svg: str
    caption: str


def svg_of(name: str, alt: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """What `draw` draws, as an `svg` element.

    Args:
        name: Of the figure: the prefix of its ids, so that several fit into one page.
        alt: What is told to those who cannot see it.
        size: Width and height in inches.
        draw: Draws into the figure that it is given.
    """
    text = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The reader's browser has more letters than matplotlib's font, which only measures the text.
        warnings.filterwarnings("ignore", message="Glyph ")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=size)
        draw(figure)
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    return _inline(text.getvalue(), name, alt)


def inches(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place that is given in inches from the figure's lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _inline(text: str, name: str, alt: str) -> str:
    """The `svg` element alone, with ids of its own; its style must not reach the page around it."""
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<!--.*?-->|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text).replace("xlink:href=", "href=")
    text = re.sub(r"<[^>]*>", _short_numbers, text)
    for reference in (' id="', 'href="#', "url(#"):
        text = text.replace(reference, f"{reference}{name}-")
    label = html.escape(alt, quote=True)
    inherited = "stroke-linejoin: round; stroke-linecap: butt"
    return text.replace("<svg", f'<svg role="img" aria-label="{label}" style="{inherited}"', 1)


def _short_numbers(tag: re.Match[str]) -> str:
    """A hundredth of a point is more than anybody sees, and half of the text."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", re.sub(r"\s+", " ", tag.group()))
