"""Tables of variants and trials, for the terminal and as CSV."""

import csv
import io

from rich.table import Table

from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.reporting.hyper_parameters import HyperParameters, hyper_parameters
from tuner.results.experiment import Entry
from tuner.results.record import TrialRecord
from tuner.settings import Settings

COLUMNS = (
    "rank",
    "variant",
    "status",
    "rmse",
    "rmse_se",
    "step",
    "difference_to_base",
    "parameters",
    "macs",
    "seconds",
    "mutations",
    "error",
)


def leaderboard(ranking: tuple[TrialRecord, ...], mean_predictor_rmse: float) -> str:
    """CSV text: one row a trial, best first, then the mean predictor.

    `rmse` is the lowest of each trial's curve, and so a little lower than the truth.
    """
    base = next((record.best for record in ranking if not record.mutations), None)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rank, record in enumerate(ranking, start=1):
        best, last = record.best, record.measurements[-1] if record.measurements else None
        difference = f"{best.rmse - base.rmse:+.6f}" if best and base else ""
        measured = (f"{best.rmse:.6f}", f"{best.rmse_se:.6f}", best.step) if best else ("", "", "")
        seconds = f"{last.seconds:.1f}" if last else ""
        mutations = " then ".join(record.mutations)
        writer.writerow(
            [
                rank,
                record.variant,
                record.status,
                *measured,
                difference,
                record.parameters,
                record.macs,
                seconds,
                mutations,
                record.error,
            ]
        )
    writer.writerow(["", "mean predictor", "baseline", f"{mean_predictor_rmse:.6f}", *[""] * (len(COLUMNS) - 4)])
    return text.getvalue()


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
