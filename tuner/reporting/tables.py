"""Tables of variants and trials, for the terminal and as CSV."""

import csv
import io
import math

from rich.table import Table

from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.hyper_parameters import HyperParameters, hyper_parameters
from tuner.reporting.figures.words import history
from tuner.reporting.pareto import pareto
from tuner.results.entry import Entry
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict
from tuner.settings import Settings

COLUMNS = (
    "rank",
    "variant",
    "stage",
    "status",
    "rmse",
    "rmse_low",
    "rmse_high",
    "rmse_se",
    "repeats",
    "step",
    "difference_to_base",
    "difference_low",
    "difference_high",
    "p_corrected",
    "search_rmse_lowest_of_curve",
    "parameters",
    "macs",
    "pareto",
    "seconds",
    "mutations",
    "error",
)


def leaderboard(verdict: Verdict) -> str:
    """CSV text: one row a variant, the winner first, then the others as they stand, then the baselines.

    `rmse` is of one network, at a step that was chosen without the images; intervals are 95 %. `pareto` is whether no
    other variant has as low an RMSE in the search, where all are measured alike, with as few multiply-adds. A mutation
    that a schedule brings later says from which step on.
    """
    others = [row for row in verdict.standings if row is not verdict.winner]
    front = pareto_front(verdict)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for rank, row in enumerate([verdict.winner, *others], start=1):
        writer.writerow({"rank": rank, **_cells(row), "pareto": front.get(row.name, "")})
    for row in verdict.baselines:
        writer.writerow(_cells(row))
    return text.getvalue()


def pareto_front(verdict: Verdict) -> dict[str, str]:
    """`true` for each variant that is on the front of RMSE in the search and multiply-adds, `false` for the others."""
    rows = [row for row in verdict.standings if row.rmse is not None and row.macs is not None]
    found = pareto([(_search_rmse(row), float(row.macs or 0)) for row in rows])
    return {row.name: "true" if on else "false" for row, on in zip(rows, found, strict=True)}


def _search_rmse(row: Standing) -> float:
    if row.search_nested_rmse is not None:
        return row.search_nested_rmse
    return math.nan if row.rmse is None else row.rmse.value


def _cells(row: Standing) -> dict[str, str | int]:
    cells: dict[str, str | int | float | None] = {
        "variant": row.name,
        "stage": row.stage,
        "status": row.status,
        "repeats": row.repeats or None,
        "step": row.step,
        "p_corrected": row.p,
        "search_rmse_lowest_of_curve": row.search_rmse,
        "parameters": row.parameters,
        "macs": row.macs,
        "seconds": row.seconds,
        "mutations": history(row),
        "error": row.error,
    }
    for name, found in (("rmse", row.rmse), ("difference", row.difference)):
        if found is not None:
            value = "rmse" if name == "rmse" else "difference_to_base"
            low, high = found.interval
            cells.update({value: found.value, f"{name}_low": low, f"{name}_high": high})
    if row.rmse is not None:
        cells["rmse_se"] = row.rmse.se
    return {name: _text(value) for name, value in cells.items()}


def _text(value: str | int | float | None) -> str | int:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else value


def variant_table(entries: tuple[Entry, ...], dataset: Dataset) -> Table:
    """What each variant changes, and what its trial costs; the control is first."""
    table = Table("variant", "what changed", box=None, pad_edge=False)
    for title in ("parameters", "memory", "multiply-adds a step"):
        table.add_column(title, justify="right")
    base = hyper_parameters(entries[0].config)
    for entry in entries:
        splits = make_splits(entry.config.data, len(dataset.labelled), entry.name)
        images = min(len(splits[0].train), entry.config.training.batch_size or len(splits[0].train))
        cost = cost_of(entry.config.model, len(dataset.neurons))
        memory = cost.step_bytes(images) + (len(splits) - 1) * cost.step_bytes(0)
        macs = len(splits) * cost.step_macs(images)
        table.add_row(
            entry.name,
            _changes(base, entry.config),
            f"{cost.parameters:,}",
            f"{memory / 2**20:,.0f} MiB",
            f"{macs / 1e9:,.1f} G",
        )
    return table


def _changes(base: HyperParameters, config: Settings) -> str:
    mine = hyper_parameters(config)
    changed = [
        f"{name}: {base.get(name, 'none')} -> {mine.get(name, 'none')}"
        for name in sorted({*base, *mine})
        if base.get(name) != mine.get(name)
    ]
    return "\n".join(changed) or "nothing: the control"
