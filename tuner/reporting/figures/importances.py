"""How much of the variance between variants each setting explains."""

from matplotlib.figure import Figure

from tuner.reporting.figures.canvas import BLUE, WIDTH, Picture, inches, svg_of
from tuner.reporting.figures.words import plural, shortened, told

SHOWN = 20
ROW, GUTTER = 0.22, 3.6


def importances_picture(importances: dict[str, float]) -> Picture | None:
    """Bars, the longest first; None without importances."""
    shown = sorted(importances.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    if not shown:
        return None
    left_out = len(importances) - len(shown)
    caption = told(
        f"Share of the variance in RMSE between variants that each setting explains: {shown[0][0]} matters most.",
        "It says how much a setting matters in the range that was searched, not which value is better.",
        f"{plural(left_out, 'setting')} that matter less not shown." if left_out else "",
    )

    def draw(figure: Figure) -> None:
        axes = inches(figure, GUTTER, 0.1, WIDTH - GUTTER - 1, ROW * len(shown))
        axes.barh(range(len(shown)), [share for _, share in shown], height=0.65, color=BLUE)
        for row, (_, share) in enumerate(shown):
            axes.text(share, row, f" {100 * share:.0f} %", va="center")
        axes.set_yticks(range(len(shown)), [shortened(name, 48) for name, _ in shown])
        axes.set(ylim=(len(shown) - 0.5, -0.5), xlim=(0, max(1e-9, shown[0][1]) * 1.1), xticks=[])
        axes.tick_params(axis="y", length=0)
        axes.spines["bottom"].set_visible(False)

    return Picture(svg_of("importances", caption, (WIDTH, ROW * len(shown) + 0.2), draw), caption)
