"""From what was measured to the verdict. Pure: the same evidence gives the same verdict."""

from collections.abc import Sequence

from tuner.errors import TunerError
from tuner.hyper_parameters import hyper_parameters
from tuner.lineage import until
from tuner.results.evidence import Evidence
from tuner.results.policy import Policy
from tuner.results.promotion import Member, Promotion
from tuner.results.verdict import Verdict
from tuner.seeding import seed_of
from tuner.selection.ancestry import evolution_of
from tuner.selection.bootstrap import Mixture, Resamples, interval, resamples
from tuner.selection.claim import Contender, honest_scores
from tuner.selection.effects import effects_of
from tuner.selection.importance import importances
from tuner.selection.measured import Measured
from tuner.selection.members import Team, choose_team, mixture_of
from tuner.selection.nested import Curve, curve_of, nested_scores
from tuner.selection.portrait import learning_curves, mean_prediction, neuron_metrics, protocol
from tuner.selection.rules import Choice, select
from tuner.selection.scores import Scores, difference
from tuner.selection.standings import baseline_standings, standings_of


def decide(evidence: Evidence, policy: Policy) -> Verdict:
    """The verdict.

    Args:
        evidence: What was measured.
        policy: How a winner is chosen.

    Raises:
        TunerError: no trial measured anything.
    """
    measured = Measured(evidence, policy.rounds)
    contenders = [_contender(name, measured, policy.seeds) for name in measured.compared]
    if not measured.alive:
        raise TunerError("no trial ended with a finite RMSE, so there is no best variant")
    choice = _choice(contenders, measured, policy)
    winner = next(one for one in contenders if one.name == choice.winner)
    winning = nested_scores(winner.curve, measured.groups)
    control = (measured.finals or measured.search).get(evidence.control.name)
    honest = honest_scores(contenders, policy.rule, measured.tried, measured.groups, together=False)
    drawn = resamples(honest.folds, seed_of(evidence.seed, "intervals"))
    rows = standings_of(measured)
    best = next(row for row in rows if row.name == winner.name)
    evolution = evolution_of(evidence, best.name, best.step or 0)
    return Verdict(
        winner=best,
        rule=policy.rule,
        reason=choice.reason,
        claim=interval(Mixture([honest]), drawn),
        probability=_probability(honest, control) if not winner.control else None,
        standings=rows,
        baselines=baseline_standings(evidence, control),
        effects=() if evolution else effects_of(evidence.entries, measured.finals, measured.search),
        importances={} if evolution else _importances(measured),
        promotion=_promotion(winner, contenders, measured, policy, drawn),
        curves=(
            *learning_curves(measured.search_curves, "search"),
            *learning_curves(measured.finals_curves, "finals"),
        ),
        neurons=evidence.neurons,
        neuron_metrics=neuron_metrics(winning),
        predicted=mean_prediction(winning),
        measured=evidence.responses,
        noise_rmse=evidence.noise_rmse,
        stage="finals" if measured.finals else "search",
        protocol=protocol(winning),
        evolution=evolution,
    )


def _contender(name: str, measured: Measured, seeds: int) -> Contender:
    """A variant with the repeats that all contenders have."""
    evidence, rounds = measured.evidence, measured.course.rounds
    out_of_fold = (measured.finals_curves or measured.search_curves)[name].out_of_fold
    if rounds:
        out_of_fold = out_of_fold.of_repeats(rounds)
    one, together = (curve_of(out_of_fold, evidence.responses, networks) for networks in (1, seeds))
    assert one is not None, "it was scored before"
    assert together is not None, "it was scored before"
    _, macs = measured.cost_at(name, together.step)
    image_size = measured.config_at(name, together.step).model.image_size
    control, dropped = name == evidence.control.name, name not in measured.alive
    return Contender(name, macs, image_size, control, dropped, one, together)


def _choice(contenders: Sequence[Contender], measured: Measured, policy: Policy) -> Choice:
    candidates = [one.candidate(nested_scores(one.curve, measured.groups)) for one in contenders]
    return select(candidates, policy.rule, measured.tried)


def _promotion(
    winner: Contender, contenders: Sequence[Contender], measured: Measured, policy: Policy, drawn: Resamples
) -> Promotion:
    """What goes into the bundle; of the winner alone the choice of the winner is held against it, too."""
    running = [one for one in contenders if not one.dropped]
    team = choose_team(winner, running, measured.groups, ensemble=policy.ensemble, seeds=policy.seeds)
    expected = mixture_of(team, measured.groups)
    if len(team.contenders) == 1:
        tried = measured.tried
        chosen = honest_scores(contenders, policy.rule, tried, measured.groups, together=True)
        expected = Mixture([chosen], team.networks)
    return Promotion(_members(team, measured.evidence), interval(expected, drawn), team.reason)


def _probability(honest: Scores, control: Scores | None) -> float | None:
    """How sure it is that what was chosen has a lower RMSE than the control."""
    if control is None or control.repeats < honest.repeats:
        return None
    return difference(honest, control).p_above


def _members(team: Team, evidence: Evidence) -> tuple[Member, ...]:
    lineages = {entry.name: entry.lineage for entry in evidence.entries}
    return tuple(
        Member(
            one.name,
            until(lineages[one.name], one.together.step),
            one.together.step,
            _trained_images(one.curve, evidence),
            team.networks,
        )
        for one in team.contenders
    )


def _trained_images(curve: Curve, evidence: Evidence) -> int:
    """On how many images the networks of a curve were trained, at least."""
    return min(len(split.train) for split in evidence.splits(curve.out_of_fold.folds[:1]))


def _importances(measured: Measured) -> dict[str, float]:
    """Of chains of mutations, by the search, which measured all in one way; for single ones their effects tell all."""
    entries = [entry for entry in measured.evidence.entries if entry.name in measured.search]
    if all(len(entry.mutations) < 2 for entry in entries):
        return {}
    rmse = [measured.search[entry.name].rmse for entry in entries]
    seed = seed_of(measured.evidence.seed, "importances")
    return importances([hyper_parameters(entry.config) for entry in entries], rmse, seed)
