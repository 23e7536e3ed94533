"""How Ray Tune chooses trials and ends them early, as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from tuner.raytune.assignment import KEY, Assignment
from tuner.raytune.search.breeding import Breeding
from tuner.raytune.search.members import Members, Memory
from tuner.raytune.search.population import Population
from tuner.raytune.search.resumption import Adoption, Resumption
from tuner.raytune.search.schedulers import EarlyEnding, InOrder, SparingScheduler
from tuner.raytune.search.study_search import StudySearch
from tuner.raytune.search.suggestions import Suggestions
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment


@dataclass(frozen=True)
class Method:
    """How trials are chosen, and which end early.

    Attributes:
        ending: None lets each go on to its own end.
        suggestions: Where more variants come from than are listed up front; None if there are no more.
        breeding: How trials go on from each other, if they are a population.
    """

    ending: EarlyEnding | None = None
    suggestions: Suggestions | None = None
    breeding: Breeding | None = None

    def begin(self, experiment: Experiment, added: Callable[[Entry], None]) -> None:
        """What Ray cannot restore in another process is set for this one, before Ray restores the rest."""
        if self.suggestions is not None:
            StudySearch(self.suggestions, experiment, added).begin()

    def end(self) -> None:
        """What was measured is told where it is kept."""
        if self.suggestions is not None:
            StudySearch.current().settle()

    @property
    def is_listed(self) -> bool:
        """Whether all variants are known up front, and each trial goes its own way."""
        return self.suggestions is None and self.breeding is None

    @property
    def unfinished(self) -> bool:
        """Whether more variants could be suggested."""
        return self.suggestions is not None and not StudySearch.current().exhausted

    @property
    def asks_ahead(self) -> bool:
        """Whether Ray would ask for one trial at a time, unless it is told how many run: a cluster would grow slowly.

        HyperBand's trials that wait for others would count among those that run.
        """
        return self.suggestions is not None and (self.ending is None or self.ending.name != "hyperband")

    def assignment(self, entry: Entry, seed: int) -> Assignment:
        """What the trial of a variant is told; the control of a population ends by itself, its members together."""
        if self.breeding is None:
            return Assignment(entry.name, seed, entry.lineage)
        is_member = entry.name != self.breeding.control
        return Assignment(entry.name, seed, entry.lineage, fitness_seed=self.breeding.seed, to_the_end=is_member)

    @property
    def checkpoints_needed(self) -> int:
        """How many a trial keeps, at least: others may go on from one until all have passed the interval after it."""
        return 1 if self.breeding is None else 2 * (self.breeding.evaluations + 2)

    def param_space(self, assignments: list[Assignment]) -> dict[str, Any] | None:
        """Ray Tune's search space: the variants; None if a searcher has it."""
        if self.suggestions is not None:
            return None
        return {KEY: tune.grid_search([assignment.plain()[KEY] for assignment in assignments])}

    def tuning(self, at_a_time: int | None = None) -> tuple[dict[str, Any], list[tune.Callback]]:
        """Arguments of `TuneConfig`, and the callbacks that belong to them.

        Args:
            at_a_time: Trials that run at a time, at most. Ray counts those that wait for others, too: a population
                counts for itself.
        """
        if self.breeding is not None:
            population = Population(self.breeding, at_a_time)
            return {"scheduler": population, "search_alg": Members(population)}, [Memory(population)]
        scheduler: TrialScheduler = InOrder() if self.ending is None else self.ending.scheduler()
        searcher: Searcher | None = StudySearch.current() if self.suggestions is not None else None
        callbacks: list[tune.Callback] = [Resumption(scheduler)] if isinstance(scheduler, SparingScheduler) else []
        if searcher is not None:
            callbacks.append(Adoption())
        samples = 1 if searcher is None else -1  # the searcher knows when it is done
        tuning = {"scheduler": scheduler, "search_alg": searcher, "num_samples": samples}
        return {**tuning, "max_concurrent_trials": at_a_time}, callbacks


LISTED = Method()
"""All variants are listed up front, and each goes on to its own end."""
