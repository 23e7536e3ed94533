"""What variants can be suggested from while a search runs."""

from dataclasses import dataclass

from tuner.config import Config
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset
from tuner.mutation.mutation import Mutation, sequence_name
from tuner.mutation.space import Space
from tuner.results.entry import Entry
from tuner.results.strategy import Sampler


@dataclass(frozen=True, eq=False)
class Suggestions:
    """What variants are suggested from.

    Attributes:
        base: The base config.
        space: The mutations file.
        depth: The longest sequence of mutations.
        samples: Variants beside the control, at most.
        sampler: Optuna's.
        objectives: Names in a trial's rows, all of them better if lower.
        dataset: What the variants are trained on.
        seed: The experiment's.
        examples: Configs that might be suggested.
    """

    base: Config
    space: Space
    depth: int
    samples: int
    sampler: Sampler
    objectives: tuple[str, ...]
    dataset: Dataset
    seed: int
    examples: tuple[Config, ...] = ()

    def entry(self, mutations: tuple[Mutation, ...]) -> Entry:
        """The variant that the mutations make.

        Raises:
            InputError: they cannot be applied, or what they make does not fit the data.
        """
        config, name = self.base, sequence_name(mutations)
        for mutation in mutations:
            config = mutation.apply(config)
        return Entry(name, fitted(config, self.dataset, name), tuple(mutation.name for mutation in mutations))
