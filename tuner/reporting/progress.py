"""The experiment while it runs, on the terminal."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tuner.results.record import STOPPED, Measurement


@dataclass
class _Trial:
    last: Measurement
    best: Measurement


class Progress:
    """A line for each trial that ended and, on a terminal, a table of those that run.

    Args:
        variants: Names of all variants, or of those that are known yet.
        done: Number of them that ended before.
        best: The best evaluation of each that was measured before.
        total: Number of variants there will be, at most; None if all are known.
    """

    def __init__(
        self, variants: tuple[str, ...], done: int, best: Mapping[str, Measurement], total: int | None = None
    ) -> None:
        self._total, self._done, self._console = total or len(variants), done, Console(markup=False)
        self._width = max(len(name) for name in variants)
        self._best_before = best
        self._running: dict[str, _Trial] = {}
        self._live = (
            Live(console=self._console, refresh_per_second=2, transient=True) if self._console.is_terminal else None
        )

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """The trial's row shows its last evaluation and that of the lowest RMSE."""
        best = self._best_before.get(variant, measurement)
        self._width = max(self._width, len(variant))
        trial = self._running.setdefault(variant, _Trial(measurement, best))
        trial.last = measurement
        if measurement.rmse < trial.best.rmse or math.isnan(trial.best.rmse):
            trial.best = measurement
        self._refresh()

    def ended(self, variant: str, error: str) -> None:
        """The trial has its line."""
        self._done += 1
        trial = self._running.pop(variant, None)
        count = f"[{self._done:>{len(str(self._total))}}/{self._total}]"
        self._console.print(
            Text(f"{count} {variant:<{self._width}}  {_outcome(trial, error)}"), soft_wrap=True, highlight=False
        )
        self._refresh()

    def _refresh(self) -> None:
        if self._live is None:
            return
        table = Table("running", "step", "rmse", "lowest", box=None, pad_edge=False)
        for variant, trial in self._running.items():
            table.add_row(
                variant, str(trial.last.step), f"{trial.last.rmse:.4f}", f"{trial.best.rmse:.4f} at {trial.best.step}"
            )
        self._live.update(Group(table, Text(f"{self._done} of {self._total} trials ended")))


def _outcome(trial: _Trial | None, error: str) -> str:
    if error or trial is None:
        return f"FAILED: {error}" if error else "nothing was measured before its end"
    best = trial.best
    outcome = f"lowest rmse {best.rmse:.4f} ± {best.rmse_se:.4f} at step {best.step:<4} {trial.last.seconds:5.0f} s"
    if trial.last.ending == STOPPED:
        return f"{outcome}  ended early by its search"
    if not trial.last.ending:
        return f"{outcome}  ended early"
    return f"{outcome}  DIVERGED after step {trial.last.step}" if trial.last.ending == "diverged" else outcome
