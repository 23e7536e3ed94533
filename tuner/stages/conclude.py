"""The last stage: the verdict, what is told of it, and the bundle."""

from collections import Counter
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tuner.command import say
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split
from tuner.engine.out_of_fold import gathered
from tuner.errors import TunerError
from tuner.promotion.promote import promote
from tuner.promotion.retrain import Each, retrain
from tuner.reporting.figures.words import plural
from tuner.reporting.publish import publish
from tuner.reporting.summary import summary
from tuner.results.arrays import Predictions, write_baselines
from tuner.results.evidence import read_evidence
from tuner.results.experiment import Experiment
from tuner.results.facts import bundle_state
from tuner.results.policy import Policy
from tuner.results.spent import read_spent
from tuner.results.verdict import Verdict
from tuner.seeding import seed_of
from tuner.selection.baselines import baseline_predictions
from tuner.selection.decide import decide
from tuner.selection.measured import Measured

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Do = Callable[..., Any]
"""Calls a function with the arguments that follow it, here or elsewhere."""


def here(function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What the function returns, called in this process."""
    return function(*args, **kwargs)


def conclude(
    experiment: Experiment,
    dataset: Dataset,
    policy: Policy,
    *,
    seed: int,
    promoted: bool,
    do: Do,
    each: Each,
    settle: Callable[[], None] = lambda: None,
) -> None:
    """The verdict is told and published, and what it says is promoted if it is to be.

    Args:
        experiment: Whose trials have ended.
        dataset: What they were trained on.
        policy: How a winner is chosen.
        seed: The experiment's.
        promoted: Whether there is to be a bundle.
        do: Calls what takes long: `Workers.do`, or `here`.
        each: Calls what can be shared out: `Workers.each`, or `in_turn`.
        settle: Called before the verdict is told: the folder then knows what all this cost.

    Raises:
        TunerError: every trial failed, or the promotion did.
    """
    measure_baselines(experiment, dataset, policy, do)
    verdict = verdict_of(experiment, policy)
    if promoted:
        publish(experiment, verdict)  # whatever becomes of the promotion
        promotion = verdict.promotion
        names = ", ".join(member.variant for member in promotion.members)
        say(f"retraining {plural(promotion.networks, 'network')} on all {len(dataset.labelled)} images: {names}")
        ensemble = retrain(promotion.members, dataset, seed=seed_of(seed, "retrain"), each=each)
        do(promote, verdict, ensemble, dataset, experiment.folder)
    settle()
    tell(experiment, verdict)


def tell(experiment: Experiment, verdict: Verdict) -> None:
    """The leaderboard and the report are written, and the verdict is said."""
    publish(experiment, verdict)
    folder = experiment.folder
    say(*summary(verdict, folder, bundle_state(folder, verdict), read_spent(folder)))


def verdict_of(experiment: Experiment, policy: Policy) -> Verdict:
    """The verdict by what was measured.

    Raises:
        TunerError: no trial measured anything.
    """
    try:
        return decide(read_evidence(experiment), policy)
    except TunerError as error:
        if error.exit_code != 1:
            raise
        raise TunerError(f"{error}: {_endings(experiment)}; more is in {experiment.folder.uri}/run.log") from None


def _endings(experiment: Experiment) -> str:
    """How the trials ended, how many in each way: why there is nothing to choose from."""
    count = Counter(record.status for record in experiment.records())
    cure = "; lower training.learning_rate" if "diverged" in count else ""
    return ", ".join(f"{number} {status}" for status, number in count.items()) + cure


def measure_baselines(experiment: Experiment, dataset: Dataset, policy: Policy, do: Do) -> None:
    """The experiment's folder holds what the baselines predict on the folds that the variants are compared on."""
    measured = Measured(read_evidence(experiment), policy.rounds)
    evidence, rounds = measured.evidence, measured.course.rounds
    scores = measured.finals or measured.search
    if not scores:
        return
    folds_RL = scores.get(evidence.control.name, next(iter(scores.values()))).folds
    folds_RL = folds_RL[:rounds] if rounds else folds_RL
    if evidence.baselines and np.array_equal(folds_RL, evidence.baseline_folds):
        return
    splits = evidence.splits(folds_RL)
    write_baselines(experiment.folder, do(_baselines, dataset, splits, seed=evidence.seed), folds_RL)


def _baselines(dataset: Dataset, splits: tuple[Split, ...], *, seed: int) -> Predictions:
    images = dataset.images[dataset.labelled]
    found = baseline_predictions(images, dataset.responses, splits, seed=seed_of(seed, "baselines"))
    return {name: gathered(predictions, splits) for name, predictions in found.items()}
