"""From what was measured to the verdict. Pure: the same evidence gives the same verdict."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tuner.engine.metrics import accuracy
from tuner.engine.out_of_fold import OutOfFold
from tuner.errors import TunerError
from tuner.hyper_parameters import hyper_parameters
from tuner.results.evidence import Evidence
from tuner.results.policy import Ensemble
from tuner.results.verdict import LearningCurve, Member, Promotion, Rule, Stage, Standing, Verdict
from tuner.seeding import seed_of
from tuner.selection.bootstrap import Mixture, Resamples, interval, resamples
from tuner.selection.claim import Contender, honest_scores
from tuner.selection.effects import effects_of
from tuner.selection.importance import importances
from tuner.selection.members import Team, choose_team, mixture_of
from tuner.selection.nested import Curve, curve_of, groups_of, nested_scores
from tuner.selection.race import Race, race
from tuner.selection.rules import select
from tuner.selection.scores import Scores, rmse_estimate
from tuner.selection.standings import baseline_standings, standings_of

Curves = dict[str, Curve]


def course_of(evidence: Evidence, looks: int) -> Race:
    """How far the finals have come.

    Args:
        evidence: What was measured so far.
        looks: How many rounds there can be.
    """
    groups_L = groups_of(len(evidence.responses), evidence.seed)
    return race(scores_of(curves_of(evidence.finals, evidence), groups_L), looks, evidence.failed)


def search_scores(evidence: Evidence) -> dict[str, Scores]:
    """The search's scores of every variant that may win: of steps chosen without the images."""
    eligible = {record.variant for record in evidence.records if record.eligible}
    curves = {name: curve for name, curve in curves_of(evidence.search, evidence).items() if name in eligible}
    return scores_of(curves, groups_of(len(evidence.responses), evidence.seed))


def decide(evidence: Evidence, *, rule: Rule, looks: int, ensemble: Ensemble, seeds: int) -> Verdict:
    """The verdict.

    Args:
        evidence: What was measured.
        rule: See `select`.
        looks: How many rounds the finals could have had.
        ensemble: What the bundle may hold.
        seeds: How many networks of the winner it would hold.

    Raises:
        TunerError: no trial measured anything.
    """
    groups_L = groups_of(len(evidence.responses), evidence.seed)
    search, course = search_scores(evidence), course_of(evidence, looks)
    search_curves, final_curves = curves_of(evidence.search, evidence), curves_of(evidence.finals, evidence)
    finals = scores_of(final_curves, groups_L)
    curves = final_curves or {name: search_curves[name] for name in search}
    records = {record.variant: record for record in evidence.records}
    alive = [name for name in course.alive or search if records[name].eligible]
    if not alive:
        raise TunerError("no trial ended with a finite RMSE, so there is no best variant")
    contenders = [_contender(name, curves[name], evidence, course.rounds, seeds) for name in alive]
    tried = len(search)
    candidates = [one.candidate(nested_scores(one.curve, groups_L)) for one in contenders]
    choice = select(candidates, rule, tried)
    winner = next(one for one in contenders if one.name == choice.winner)

    steps = {name: curve.step for name, curve in {**search_curves, **final_curves}.items()}
    rows = standings_of(evidence, finals, search, steps, course)
    honest = honest_scores(contenders, rule, tried, groups_L, together=False)
    drawn = resamples(honest.folds, seed_of(evidence.seed, "intervals"))
    team = choose_team(winner, contenders, groups_L, ensemble=ensemble, seeds=seeds)
    if len(team.contenders) > 1:
        expected = mixture_of(team, groups_L)
    else:
        expected = Mixture([honest_scores(contenders, rule, tried, groups_L, together=True)], team.networks)
    stage: Stage = "finals" if finals else "search"
    control = (finals or search).get(evidence.control.name)
    winning = nested_scores(winner.curve, groups_L)
    return Verdict(
        winner=next(row for row in rows if row.name == winner.name),
        rule=rule,
        reason=choice.reason,
        claim=interval(Mixture([honest]), drawn),
        probability=_probability(honest, control, drawn) if not winner.control else None,
        standings=rows,
        baselines=baseline_standings(evidence, control),
        effects=effects_of(evidence.entries, finals, search),
        importances=_importances(evidence, rows),
        promotion=Promotion(_members(team, evidence), interval(expected, drawn), team.reason),
        curves=(*_learning_curves(search_curves, "search"), *_learning_curves(final_curves, "finals")),
        neurons=evidence.neurons,
        neuron_metrics=_neuron_metrics(winning),
        predicted=_mean_prediction(winning),
        measured=evidence.responses,
        noise_rmse=evidence.noise_rmse,
        stage=stage,
        protocol=_protocol(winning),
    )


def curves_of(found: Mapping[str, OutOfFold], evidence: Evidence) -> Curves:
    """The curves that can be scored."""
    curves = {name: curve_of(out_of_fold, evidence.responses) for name, out_of_fold in found.items()}
    return {name: curve for name, curve in curves.items() if curve is not None}


def scores_of(curves: Curves, groups_L: npt.NDArray[np.int64]) -> dict[str, Scores]:
    """Scores at steps that were chosen without the images."""
    return {name: nested_scores(curve, groups_L) for name, curve in curves.items()}


def _contender(name: str, curve: Curve, evidence: Evidence, rounds: int, seeds: int) -> Contender:
    """A variant with the repeats that all contenders have."""
    model = next(entry.config.model for entry in evidence.entries if entry.name == name)
    macs = next(record.macs for record in evidence.records if record.variant == name)
    out_of_fold = curve.out_of_fold
    if rounds:
        out_of_fold = OutOfFold(out_of_fold.steps, out_of_fold.predictions[:, :rounds], out_of_fold.folds[:rounds])
    one, together = (curve_of(out_of_fold, evidence.responses, networks) for networks in (1, seeds))
    assert one is not None, "it was scored before"
    assert together is not None, "it was scored before"
    return Contender(name, macs, model.image_size, name == evidence.control.name, one, together)


def _probability(honest: Scores, control: Scores | None, drawn: Resamples) -> float | None:
    """The share of draws in which what was chosen has a lower RMSE than the control."""
    if control is None or control.repeats < honest.repeats:
        return None
    base = control.of_repeats(honest.repeats)
    if not np.array_equal(base.folds, honest.folds):
        return None
    draws = Mixture([honest]).draws(drawn), Mixture([base]).draws(drawn)
    return float(np.mean((draws[0] < draws[1]) + 0.5 * (draws[0] == draws[1])))


def _members(team: Team, evidence: Evidence) -> tuple[Member, ...]:
    configs = {entry.name: entry.config for entry in evidence.entries}
    num_images = len(evidence.responses)
    return tuple(
        Member(one.name, configs[one.name], one.together.step, _trained_images(one.curve, num_images), team.networks)
        for one in team.contenders
    )


def _trained_images(curve: Curve, num_images: int) -> int:
    """On how many images the networks of a curve were trained: all but the fold that they predict."""
    folds_L = curve.out_of_fold.folds[0]
    return num_images - int(np.bincount(folds_L[folds_L >= 0]).max())


def _importances(evidence: Evidence, rows: Sequence[Standing]) -> dict[str, float]:
    """Of chains of mutations; for single ones their effects tell everything."""
    if all(len(entry.mutations) < 2 for entry in evidence.entries):
        return {}
    values = {row.name: row.rmse.value for row in rows if row.rmse is not None}
    known = [entry for entry in evidence.entries if entry.name in values]
    tables = [hyper_parameters(entry.config) for entry in known]
    return importances(tables, [values[entry.name] for entry in known], seed_of(evidence.seed, "importances"))


def _learning_curves(curves: Curves, stage: Stage) -> Iterable[LearningCurve]:
    for name, curve in curves.items():
        found = [rmse_estimate(curve.at(index)) for index in range(len(curve.out_of_fold.steps))]
        steps = tuple(int(step) for step in curve.out_of_fold.steps)
        yield LearningCurve(name, stage, steps, tuple(one.value for one in found), tuple(one.se for one in found))


def _neuron_metrics(scores: Scores) -> dict[str, tuple[float, ...]]:
    found = accuracy(scores.predictions, scores.responses)
    return {"rmse": found.neuron_rmse, "correlation": found.neuron_correlation, "r2": found.neuron_r2}


def _mean_prediction(scores: Scores) -> npt.NDArray[np.float64]:
    known = np.isfinite(scores.predictions)
    total = np.where(known, scores.predictions, 0).sum(axis=0, dtype=np.float64)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _protocol(scores: Scores) -> str:
    folds, repeats = int(scores.folds.max()) + 1, scores.repeats
    if folds == 1:
        return f"{int((scores.folds >= 0).any(axis=0).sum())} held-out images"
    return f"{repeats} repeat{'s' * (repeats != 1)} of {folds} folds"
