"""Who comes into the finals, and with which config."""

import math
from collections.abc import Mapping
from dataclasses import replace

from tuner.config import Config
from tuner.engine.stopping import WITHOUT_END
from tuner.lineage import with_configs
from tuner.results.entry import Entry
from tuner.results.policy import Finalists
from tuner.results.record import TrialRecord
from tuner.selection.scores import Scores
from tuner.settings import replaced

FEWEST_FOLDS = 5
MOST = 8


def finalists(
    search: Mapping[str, Scores], control: str, count: Finalists, population: int | None = None
) -> tuple[str, ...]:
    """The control and the variants of the lowest RMSE in the search, `count` in all; the control is first.

    What the worse half of a search holds wins too seldom to be worth the time of a final.

    Args:
        search: Scores of all that may win.
        control: The base config's name; it is there even if the search could not measure it.
        count: With 0 there is none; `auto` is half of the variants beside the control, rounded up, and `MOST` at most.
        population: Members of a population that went on, the control among them: those that ended after the first
            intervals are not counted.
    """
    if count == 0:
        return ()
    best = sorted((name for name in search if name != control), key=lambda name: (search[name].rmse, name))
    counted = len(best) if population is None else min(len(best), population - 1)
    return (control, *best[: most_finalists(counted, count) - 1])


def most_finalists(counted: int, count: Finalists) -> int:
    """How many may come into the finals, the control among them, of so many others."""
    return min(MOST, 1 + math.ceil(counted / 2)) if count == "auto" else count


def final_entry(entry: Entry, steps: int, num_labelled: int, seed: int) -> Entry:
    """A finalist for one round: one repeat of at least 5 folds on its own splits, of a fixed length.

    All repeats are measured at the same steps, so that their mean curve has all of them everywhere.

    Args:
        entry: As the search had it; of a schedule, each config is changed in the same way.
        steps: To train for.
        num_labelled: L.
        seed: Of the round: it decides the splits.
    """
    lineage = with_configs(entry.lineage, lambda config: _final_config(config, steps, num_labelled, seed))
    return replace(entry, config=lineage[-1].config, schedule=lineage if entry.schedule else ())


def _final_config(config: Config, steps: int, num_labelled: int, seed: int) -> Config:
    folds = min(max(config.data.folds, FEWEST_FOLDS), num_labelled)
    data = {"folds": folds, "repeats": 1, "reshuffle": False, "random_seed": seed}
    training = {"max_steps": steps, "early_stopping_evals": WITHOUT_END}
    return replaced(config, {"data": replaced(config.data, data), "training": replaced(config.training, training)})


def steps_of(record: TrialRecord, records: tuple[TrialRecord, ...]) -> int:
    """How long a finalist is trained: as long as its trial in the search was, which went on beyond its best step.

    A trial that did not end by itself gets as many steps as the median of those that did, if that is more.
    """
    own = record.measurements[-1].step if record.measurements else 0
    ended = sorted(other.measurements[-1].step for other in records if other.status == "finished")
    if record.status == "finished" or not ended:
        return own
    return max(own, ended[len(ended) // 2])
