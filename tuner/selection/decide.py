"""From an experiment's records to its verdict."""

from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.metrics import pooled_rmse
from tuner.results.experiment import Entry
from tuner.results.record import TrialRecord
from tuner.results.verdict import Verdict
from tuner.selection.baselines import mean_predictor
from tuner.selection.rules import Rule, ranked, select


def decide(
    entries: tuple[Entry, ...], records: tuple[TrialRecord, ...], dataset: Dataset, rule: Rule = "best"
) -> Verdict:
    """The verdict by a rule.

    Args:
        entries: The variants, the control first.
        records: Their trials'.
        dataset: What they were trained on.
        rule: See `select`.

    Raises:
        TunerError: no trial measured anything.
    """
    choice = select(records, rule)
    assert choice.record.best is not None
    config = next(entry.config for entry in entries if entry.name == choice.record.variant)
    control = next(record.best for record in records if record.variant == entries[0].name)
    mean_rmse = mean_predictor_rmse(entries, dataset)
    return Verdict(ranked(records), choice.record, choice.record.best, config, control, mean_rmse, choice.reason)


def mean_predictor_rmse(entries: tuple[Entry, ...], dataset: Dataset) -> float:
    """RMSE of predicting each neuron's mean, on the splits of the control."""
    splits = make_splits(entries[0].config.data, len(dataset.labelled), entries[0].name)
    return pooled_rmse(mean_predictor(dataset.responses, splits), dataset.responses)[0]
