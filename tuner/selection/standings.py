"""The rows of the leaderboard."""

import math
from dataclasses import replace

from tuner.results.estimate import holm
from tuner.results.evidence import Evidence
from tuner.results.record import TrialRecord
from tuner.results.standing import Stage, Standing
from tuner.selection.measured import Measured
from tuner.selection.scores import Scores, difference, rmse_estimate


def standings_of(measured: Measured) -> tuple[Standing, ...]:
    """One row a variant: finalists left at the end, then those that dropped out, then the others; best first."""
    rows = [_row(record, measured) for record in measured.evidence.records]
    tested = [row for row in rows if row.difference is not None and (row.stage == "finals" or not measured.finals)]
    tried = max(sum(row.rmse is not None for row in rows), measured.tried) - 1
    corrected = holm(tuple(row.difference.p for row in tested if row.difference is not None), tried)
    p_of = {row.name: p for row, p in zip(tested, corrected, strict=True)}
    return tuple(sorted((replace(row, p=p_of.get(row.name)) for row in rows), key=_order))


def baseline_standings(evidence: Evidence, control: Scores | None) -> tuple[Standing, ...]:
    """One row a baseline, in the order in which they were measured."""
    rows = []
    for name, predictions in evidence.baselines.items():
        scores = Scores(predictions, evidence.responses, evidence.baseline_folds)
        gap = difference(scores, control) if control is not None else None
        estimate = rmse_estimate(scores)
        rows.append(
            Standing(name, "baseline", "finished", scores.repeats, estimate, gap, neuron_rmse=scores.neuron_rmse)
        )
    return tuple(rows)


def _row(record: TrialRecord, measured: Measured) -> Standing:
    name, control = record.variant, measured.evidence.control.name
    stage: Stage = "finals" if name in measured.finals else "search"
    compared = measured.finals if stage == "finals" else measured.search
    scores, base = compared.get(name), compared.get(control)
    curve = measured.finals_curves.get(name) or measured.search_curves.get(name)
    failed = measured.evidence.failed.get(name)
    parameters, macs = measured.cost_at(name, curve.step if curve else None)
    last = record.measurements[-1] if record.measurements else None
    return Standing(
        name=name,
        stage=stage,
        status=_status(record, measured),
        repeats=scores.repeats if scores else 0,
        rmse=rmse_estimate(scores) if scores else None,
        difference=difference(scores, base) if scores and base and name != control else None,
        step=curve.step if curve else None,
        search_rmse=_search_rmse(record, measured),
        search_nested_rmse=measured.search[name].rmse if name in measured.search else None,
        neuron_rmse=scores.neuron_rmse if scores else (),
        mutations=record.mutations,
        begins=_begins(measured, name),
        parameters=parameters,
        macs=macs,
        seconds=(last.seconds if last else 0.0) + measured.evidence.finals_seconds.get(name, 0.0),
        error=failed.error if failed else record.error,
    )


def _search_rmse(record: TrialRecord, measured: Measured) -> float | None:
    """The lowest of the search's curve; that of a schedule is not in the rows of the trial alone."""
    schedule = next(entry.schedule for entry in measured.evidence.entries if entry.name == record.variant)
    curve = measured.search_curves.get(record.variant)
    if schedule and curve is not None:
        return float(curve.rmse.min())
    return record.best.rmse if record.best else None


def _begins(measured: Measured, name: str) -> tuple[int, ...]:
    """The step at which each of a schedule's mutations comes; empty for a single config."""
    schedule = next(entry.schedule for entry in measured.evidence.entries if entry.name == name)
    return tuple(phase.step for phase in schedule for _ in phase.mutations)


def _status(record: TrialRecord, measured: Measured) -> str:
    """How the variant's last trial ended, in the finals if it was there."""
    if record.variant in measured.evidence.failed:
        return measured.evidence.failed[record.variant].status
    if record.variant in measured.course.dropped:
        return "dropped"
    return "finished" if record.variant in measured.finals else record.status


def _order(row: Standing) -> tuple[int, float, str]:
    place = 3 if row.rmse is None else 2 if row.stage == "search" else 0 if row.status == "finished" else 1
    return place, row.rmse.value if row.rmse else math.inf, row.name
