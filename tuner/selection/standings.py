"""The rows of the leaderboard."""

import math
from collections.abc import Mapping
from dataclasses import replace

from tuner.results.estimate import holm
from tuner.results.evidence import Evidence
from tuner.results.record import TrialRecord
from tuner.results.verdict import Stage, Standing
from tuner.selection.race import Race
from tuner.selection.scores import Scores, difference, rmse_estimate


def standings_of(
    evidence: Evidence,
    finals: Mapping[str, Scores],
    search: Mapping[str, Scores],
    steps: Mapping[str, int],
    course: Race,
) -> tuple[Standing, ...]:
    """One row a variant: finalists that were left at the end, then those that dropped out, then the others; best first.

    Args:
        evidence: What was measured.
        finals: Scores of the finalists.
        search: Scores of all that the search measured.
        steps: The best step of each.
        course: Of the race.
    """
    rows = [_row(record, evidence, finals, search, steps, course) for record in evidence.records]
    tested = [row for row in rows if row.difference is not None and (row.stage == "finals" or not finals)]
    tried = sum(row.rmse is not None for row in rows) - 1
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


def _row(
    record: TrialRecord,
    evidence: Evidence,
    finals: Mapping[str, Scores],
    search: Mapping[str, Scores],
    steps: Mapping[str, int],
    course: Race,
) -> Standing:
    name, control = record.variant, evidence.control.name
    stage: Stage = "finals" if name in finals else "search"
    measured = finals if name in finals else search
    scores = measured.get(name) if record.eligible else None
    compared = scores is not None and name != control and control in measured
    best, last = record.best, record.measurements[-1] if record.measurements else None
    return Standing(
        name=name,
        stage=stage,
        status="dropped" if name in course.dropped else record.status,
        repeats=scores.repeats if scores else 0,
        rmse=rmse_estimate(scores) if scores else None,
        difference=difference(scores, measured[control]) if scores and compared else None,
        step=steps.get(name),
        search_rmse=best.rmse if best else None,
        neuron_rmse=scores.neuron_rmse if scores else (),
        mutations=record.mutations,
        parameters=record.parameters,
        macs=record.macs,
        seconds=(last.seconds if last else 0.0) + evidence.finals_seconds.get(name, 0.0),
        error=record.error,
    )


def _order(row: Standing) -> tuple[int, float, str]:
    place = 3 if row.rmse is None else 2 if row.stage == "search" else 1 if row.status == "dropped" else 0
    return place, row.rmse.value if row.rmse else math.inf, row.name
