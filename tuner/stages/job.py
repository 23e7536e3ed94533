"""What is searched, checked before anything is trained.

What functions import here takes seconds to import (torch, Ray), or is not needed to say that the input is wrong.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.config import Config, load_config
from tuner.document import read_document
from tuner.errors import ConfigError, InputError
from tuner.mutation.expand import Expansion, Variant, expansion
from tuner.mutation.space import load_mutations

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.results.experiment import Entry, Experiment
    from tuner.results.policy import Policy


@dataclass(frozen=True)
class Job:
    """What is searched, on what data, and where the results go.

    Attributes:
        base: The base config.
        found: Its variants.
        entries: The same, with the data's number of neurons in their configs; the control is first.
        dataset: What they are trained on.
        experiment: Where results go.
        seed: The experiment's: made of `--seed`, group and name.
        policy: How a winner is chosen.
    """

    base: Config
    found: Expansion
    entries: "tuple[Entry, ...]"
    dataset: "Dataset"
    experiment: "Experiment"
    seed: int
    policy: "Policy"


def prepare(
    config: str, mutations: str, depth: int, data: str, experiment: "Experiment", seed: int, policy: "Policy"
) -> Job:
    """The job, checked as far as it can be without training.

    Raises:
        InputError: a file is wrong, or a variant does not fit the data.
    """
    base = load_config(config)
    found = expansion(base, load_mutations(mutations), depth=depth)
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(data)
    entries = tuple(_fitted(variant, dataset, config) for variant in found.variants)
    return Job(base, found, entries, dataset, experiment, seed, policy)


def _fitted(variant: Variant, dataset: "Dataset", config_file: str) -> "Entry":
    from tuner.dataset.fit import fitted
    from tuner.results.experiment import Entry

    try:
        config = fitted(variant.config, dataset, variant.name)
    except ConfigError as error:
        where = variant.mutations[-1].where if variant.mutations else read_document(config_file).at(error.path)
        raise InputError(f"{where}: {variant.name} does not fit the data: {error}") from None
    return Entry(variant.name, config, tuple(mutation.name for mutation in variant.mutations))
