"""Which settings matter, over all variants of a search."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from tuner.hyper_parameters import HyperParameters, differing

ABSENT = "none"
FEWEST = 8


def importances(tables: Sequence[HyperParameters], rmse: Sequence[float], seed: int) -> dict[str, float]:
    """Each setting's share of the variance of the RMSE between variants, largest first: Optuna's fANOVA.

    Source: Hutter, Hoos and Leyton-Brown 2014. Empty for fewer than `FEWEST` variants, which tell too little.

    Args:
        tables: One a variant; a setting that it lacks has the value `none`.
        rmse: One a variant.
        seed: Of the forest.
    """
    names = sorted(differing(tables))
    if len(tables) < FEWEST or len(names) < 2 or len(set(rmse)) < 2:
        return {}
    distributions = {name: _distribution([table.get(name, ABSENT) for table in tables]) for name in names}
    small = seed % 2**32  # more is refused by what Optuna draws from
    with _quiet():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=small))
        for table, value in zip(tables, rmse, strict=True):
            values = {name: table.get(name, ABSENT) for name in names}
            study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=value))
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=small))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says nothing of a study that is only a table, or of categories that are not numbers or texts only."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _distribution(values: Sequence[bool | int | float | str]) -> BaseDistribution:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = [float(value) for value in values]
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(list(dict.fromkeys(values)))
