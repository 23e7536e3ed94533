"""What Ray Tune is told of a population besides its scheduler: when there are no more trials, and what it saves."""

from typing import Any

from ray import tune
from ray.tune.search import BasicVariantGenerator

from tuner.raytune.search.population import Population


class Members(BasicVariantGenerator):
    """Ray's own list of trials, which is at its end when they are: before, Ray keeps actors for trials to come.

    Args:
        population: As `Memory` has it.
    """

    def __init__(self, population: Population) -> None:
        super().__init__()
        self._population = population

    def is_finished(self) -> bool:
        """Ray's hook."""
        return bool(self._finished and self._population.over)

    def get_state(self) -> dict[str, Any]:
        """Ray's hook: what is saved."""
        state: dict[str, Any] = super().get_state()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name != "_population"}


class Memory(tune.Callback):
    """Carries how long no member has become better from one process to the next.

    Ray saves the states of its callbacks together with those of the trials, of one moment: see `Snapshot`; of a
    scheduler it saves only how it was made.

    Args:
        population: Pickled in one with this callback by Ray, so they belong together again afterwards.
    """

    def __init__(self, population: Population) -> None:
        self._population = population

    def get_state(self) -> dict[str, float]:
        """Ray's hook: what is saved."""
        return {"lowest": self._population.lowest, "lowest_at": self._population.lowest_at}

    def set_state(self, state: dict[str, float]) -> None:
        """Ray's hook: what was saved."""
        self._population.lowest, self._population.lowest_at = state["lowest"], state["lowest_at"]
