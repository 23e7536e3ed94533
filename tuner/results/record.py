"""What was measured of a trial, as values and as the rows of its `result.json`."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tuner.engine.loop import Report  # without torch, since the commands need records to say that a name is taken

Status = Literal["finished", "stopped", "diverged", "failed", "unfinished"]
RMSE_BEST = "rmse_best"
"""Of a row: the trial's lowest RMSE so far, NaN before any. Schedulers and searchers judge by it, since a trial
keeps its best weights."""
FITNESS = "fitness"
"""Of a row in a population: the RMSE on the images that decide who is exploited, which all other numbers leave out."""
DESCENT = "descent"
"""Of a row in a population: see `Descent`."""
STOPPED = "stopped"
"""The ending of a trial that was not worth going on with."""


@dataclass(frozen=True)
class Descent:
    """Where the networks of a population's member come from.

    Attributes:
        step: Training steps taken when the member went on from its donor; 0 if it has not.
        donor: That member's name; empty if it has not.
        mutations: Names of those that made its config of the donor's, or of the base config.
        inherited: How much of the networks is the donor's, in words; told in the first row after that.
    """

    step: int
    donor: str
    mutations: tuple[str, ...]
    inherited: str


@dataclass(frozen=True)
class Measurement:
    """One evaluation of a trial.

    Attributes:
        step: Training steps taken.
        rmse: Pooled over all replicates' held-out entries; NaN once a replicate diverged.
        rmse_se: Its standard error over images.
        train_rmse: Over the training steps since the last evaluation.
        neurons: Names.
        neuron_rmse: One a neuron, in their order.
        neuron_correlation: As above.
        neuron_r2: As above.
        seconds: That the trial has run for.
        ending: Why training ended here; empty if it went on.
        descent: In a population, where the networks come from.
    """

    step: int
    rmse: float
    rmse_se: float
    train_rmse: float
    neurons: tuple[str, ...]
    neuron_rmse: tuple[float, ...]
    neuron_correlation: tuple[float, ...]
    neuron_r2: tuple[float, ...]
    seconds: float
    ending: str = ""
    descent: Descent | None = None


@dataclass(frozen=True)
class TrialRecord:
    """All that is known of one trial.

    Attributes:
        variant: Its name.
        mutations: Their names, in order.
        status: How the trial ended.
        measurements: In the order of steps.
        parameters: Of one network.
        macs: Multiply-adds of one image's forward pass.
        error: One line; empty unless it failed.
    """

    variant: str
    mutations: tuple[str, ...]
    status: Status
    measurements: tuple[Measurement, ...]
    parameters: int
    macs: int
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more is measured, for better or worse."""
        return self.status != "unfinished"

    @property
    def eligible(self) -> bool:
        """Whether it can win: a config that diverges is not worth its best moment."""
        return self.best is not None and self.status in ("finished", "stopped", "unfinished")

    @property
    def best(self) -> Measurement | None:
        """The evaluation with the lowest RMSE of the trial's one curve; None without a finite one."""
        return lowest(self.measurements)


def lowest(curve: Iterable[Measurement]) -> Measurement | None:
    """The evaluation with the lowest RMSE of a curve, the first of equals; None without a finite one."""
    finite = [measurement for measurement in curve if math.isfinite(measurement.rmse)]
    return min(finite, key=lambda measurement: measurement.rmse, default=None)


def row_of(report: "Report", neurons: tuple[str, ...]) -> dict[str, Any]:
    """A report as a row of `result.json`, and as Ray Tune's result."""
    found = report.accuracy
    per_neuron = {"rmse": found.neuron_rmse, "correlation": found.neuron_correlation, "r2": found.neuron_r2}
    return {
        "step": report.step,
        "rmse": found.rmse,
        RMSE_BEST: report.patience.best if math.isfinite(report.patience.best) else math.nan,
        "rmse_se": found.rmse_se,
        "train_rmse": report.train_rmse,
        "ending": report.ending or "",
        "neuron": {metric: dict(zip(neurons, values, strict=True)) for metric, values in per_neuron.items()},
    }


def measurement_of(row: Mapping[str, Any]) -> Measurement:
    """The measurement that a row tells of.

    Raises:
        KeyError: the row is not one of ours.
        TypeError: as above.
        ValueError: as above.
    """
    neuron = row["neuron"]
    names = tuple(str(name) for name in neuron["rmse"])
    if not all(name.isprintable() for name in names):
        raise ValueError("a neuron's name cannot be printed")
    return Measurement(
        step=_step(row["step"]),
        rmse=float(row["rmse"]),
        rmse_se=float(row["rmse_se"]),
        train_rmse=float(row["train_rmse"]),
        neurons=names,
        neuron_rmse=tuple(float(neuron["rmse"][name]) for name in names),
        neuron_correlation=tuple(float(neuron["correlation"][name]) for name in names),
        neuron_r2=tuple(float(neuron["r2"][name]) for name in names),
        seconds=float(row.get("time_total_s", 0.0)),
        ending=str(row.get("ending", "")) or (STOPPED if row.get("done") else ""),
        descent=_descent(row[DESCENT]) if DESCENT in row else None,
    )


def _descent(told: Mapping[str, Any]) -> Descent:
    mutations = tuple(str(name) for name in told["mutations"])
    return Descent(_step(told["step"]), str(told["donor"]), mutations, str(told["inherited"]))


def _step(told: Any) -> int:
    step = int(told)
    if not 0 <= step < 2**63:
        raise ValueError(f"a row's step is 0 or more, but got {step}")
    return step


def read_rows(text: str) -> tuple[Measurement, ...]:
    """The measurements in a `result.json`, the last line of each step; one that a crash cut short is left out."""
    by_step: dict[int, Measurement] = {}
    for line in text.splitlines():
        try:
            measurement = measurement_of(json.loads(line))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
        by_step[measurement.step] = measurement
    return tuple(by_step[step] for step in sorted(by_step))
