"""Which neurons are predicted well, by which variants and baselines, and which mutations helped for which."""

import math

import numpy as np
import numpy.typing as npt

from tuner.reporting.figures.canvas import Picture, svg_of
from tuner.reporting.figures.effects import effect_labels, shown_effects
from tuner.reporting.figures.heat_map import COLUMNS, HeatMap
from tuner.reporting.figures.words import label, mean_predictor, number, plural, ranks, signed, told
from tuner.results.standing import Standing
from tuner.results.verdict import SIGNIFICANT, Verdict

VARIANTS = 10
EFFECTS = 25
Floats = npt.NDArray[np.float64]


def neuron_order(verdict: Verdict) -> list[int]:
    """Indices of the neurons that are drawn, from the best predicted to the worst; evenly spread if they are many."""
    relative = relative_rmse(verdict, verdict.winner)
    order = sorted(range(len(verdict.neurons)), key=lambda index: (math.isnan(relative[index]), relative[index], index))
    return spread(order, COLUMNS)


def spread(items: list[int], most: int) -> list[int]:
    """At most so many of them, the first and the last among them, evenly spaced."""
    if len(items) <= most:
        return items
    return [items[round(index)] for index in np.linspace(0, len(items) - 1, most)]


def reference(verdict: Verdict) -> tuple[Floats, str]:
    """`[N]`, what a neuron's RMSE is divided by, and its name."""
    mean = mean_predictor(verdict)
    if mean is not None and len(mean.neuron_rmse) == len(verdict.neurons):
        return np.array(mean.neuron_rmse), "RMSE of predicting its mean"
    recorded = [column[np.isfinite(column)] for column in verdict.measured.T]
    return np.array([column.std() if len(column) else np.nan for column in recorded]), "standard deviation"


def relative_rmse(verdict: Verdict, standing: Standing) -> Floats:
    """`[N]`, a standing's RMSE a neuron divided by the reference; NaN where one of them is missing."""
    below, _ = reference(verdict)
    if len(standing.neuron_rmse) != len(below):
        return np.full(len(verdict.neurons), np.nan)
    return np.array(standing.neuron_rmse) / np.where(below > 0, below, np.nan)


def neurons_picture(verdict: Verdict) -> Picture | None:
    """RMSE of every neuron, relative to predicting its mean; None if no neuron was scored."""
    rows = _rows(verdict)
    order = neuron_order(verdict)
    if not rows or not order:
        return None
    values = np.stack([relative_rmse(verdict, one)[order] for one in rows])
    if not np.isfinite(values).any():
        return None
    rank = ranks(verdict)
    names = tuple(_row_name(verdict, one, rank) for one in rows)
    texts = tuple(tuple(number(value, 2) for value in row) for row in values)
    better = int((values[0] < 1).sum())
    left_out = sum(bool(one.neuron_rmse) for one in verdict.standings) - sum(one.name in rank for one in rows)
    caption = told(
        f"RMSE of each neuron divided by the {reference(verdict)[1]}: below 1 (blue) is better than that.",
        f"The winner is below 1 for {better} of the {plural(len(order), 'neuron')} drawn; they are in the order of its "
        "row, best predicted first.",
        f"{plural(left_out, 'more variant')} with a higher RMSE not shown." if left_out > 0 else "",
        _not_shown(verdict, order),
    )
    columns = tuple(verdict.neurons[index] for index in order)
    marked = np.zeros(values.shape, dtype=bool)
    heat = HeatMap(names, columns, values, texts, marked, 1.0, "relative RMSE", ("better", "worse"))
    return Picture(svg_of("neurons", caption, heat.size, heat.draw), caption)


def neuron_effects_picture(verdict: Verdict) -> Picture | None:
    """Which mutation helped for which neuron; None without effects."""
    order = neuron_order(verdict)
    whole = [one for one in verdict.effects if len(one.neuron_differences) == len(one.neuron_p) == len(verdict.neurons)]
    shown = shown_effects(tuple(whole), EFFECTS)
    if not shown or not order:
        return None
    values = np.array([[one.neuron_differences[index].value for index in order] for one in shown])
    if not np.isfinite(values).any():
        return None
    marked = np.array([[one.neuron_p[index] < SIGNIFICANT for index in order] for one in shown])
    texts = tuple(
        tuple(f"{'•' if sure else ''}{signed(1000 * value, 0)}" for value, sure in zip(*row, strict=True))
        for row in zip(values, marked, strict=True)
    )
    left_out = len(verdict.effects) - len(shown)
    caption = told(
        "Change of each neuron's RMSE by each mutation, in thousandths: blue is better, red is worse.",
        f"A dot marks the {plural(int(marked.sum()), 'cell')} beyond doubt: p below 0.05, corrected for all cells. "
        "The rest could be luck.",
        f"{left_out} of {plural(len(verdict.effects), 'mutation')} not shown: those with the highest p."
        if left_out
        else "",
        _not_shown(verdict, order),
    )
    names = tuple(effect_labels(shown, ranks(verdict), 40))
    columns = tuple(verdict.neurons[index] for index in order)
    heat = HeatMap(
        names, columns, 1000 * values, texts, marked, 0.0, "change of RMSE, in thousandths", ("better", "worse")
    )
    return Picture(svg_of("neuron-effects", caption, heat.size, heat.draw), caption)


def _rows(verdict: Verdict) -> tuple[Standing, ...]:
    """Winner, control, the leading others, baselines; those that have a number a neuron."""
    special = [verdict.winner, *([verdict.control] if verdict.control else [])]
    names = {one.name for one in special}
    first = {one.name: one for one in special}
    others = [one for one in verdict.standings if one.name not in names][: VARIANTS - len(first)]
    return tuple(one for one in (*first.values(), *others, *verdict.baselines) if one.neuron_rmse)


def _row_name(verdict: Verdict, one: Standing, rank: dict[str, str]) -> str:
    if one.name == verdict.winner.name:
        return f"winner: {label(one.name, rank, 34)}"
    if verdict.control and one.name == verdict.control.name:
        return f"base config: {label(one.name, rank, 28)}"
    return f"baseline: {one.name}" if one.stage == "baseline" else label(one.name, rank, 40)


def _not_shown(verdict: Verdict, order: list[int]) -> str:
    """How many neurons are left out."""
    left_out = len(verdict.neurons) - len(order)
    return f"{plural(left_out, 'neuron')} between them not shown." if left_out else ""
