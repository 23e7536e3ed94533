"""What the searches of `search.py` are given, and what they never see."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.honesty_task import Task as Simulated
from benchmarks.honesty_task import task_of
from benchmarks.search_trial import write_truth
from tuner.config import Config, load_config
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset, find_dataset
from tuner.mutation.expand import Variant, expand
from tuner.mutation.space import Space, load_mutations
from tuner.seeding import seed_of
from tuner.settings import replaced

HERE = Path(__file__).parent
SIMULATED, RECORDED = HERE / "search_simulated.yaml", HERE / "search_v4.yaml"
TRUTH_IMAGES, PRIVATE = 3000, 110
SIMULATED_TRAINING = {"max_steps": 180, "early_stopping_evals": 4}


@dataclass(frozen=True, eq=False)
class Task:
    """One search, of one seed.

    Attributes:
        dataset: What it may see.
        base: The base config.
        space: The mutations, all of them lists, so that every search can have the same.
        seed: Decides everything random.
    """

    dataset: Dataset
    base: Config
    space: Space
    seed: int

    @property
    def grid(self) -> list[Variant]:
        """Every variant of one mutation, the control first."""
        return expand(self.base, self.space)


def simulated_task(seed: int, truth: Path) -> Task:
    """An experiment of its own: images, neurons and spikes; the truth is exact."""
    made = task_of(seed, null=False)
    known = made.truth.of_images(TRUTH_IMAGES)
    images = known.images.numpy().transpose(0, 2, 3, 1)
    write_truth(truth, images, known.expected, known.noise, np.broadcast_to(known.weights, known.expected.shape))
    return Task(made.dataset, simulated_base(made), load_mutations(SIMULATED), seed)


def simulated_base(made: Simulated) -> Config:
    """The base config of a simulated experiment: trained for as long as it is of use."""
    base = made.entries[0].config
    return replaced(base, {"training": replaced(base.training, SIMULATED_TRAINING)})


def recorded_task(data: str, seed: int, truth: Path) -> Task:
    """The data set without some labelled images, others for each seed; the truth is their responses."""
    dataset = find_dataset(data)
    order = np.random.default_rng(seed_of("private", seed)).permutation(len(dataset.labelled))
    out, kept = np.sort(order[:PRIVATE]), np.sort(order[PRIVATE:])
    seen = Dataset(
        dataset.images, dataset.responses[kept], dataset.labelled[kept], dataset.neurons, dataset.source, None
    )
    responses = dataset.responses[out]
    write_truth(
        truth, dataset.images[dataset.labelled[out]], responses, np.zeros(responses.shape[1]), np.isfinite(responses)
    )
    return Task(
        seen, fitted(load_config(HERE.parent / "base_configs" / "v4.yaml"), seen), load_mutations(RECORDED), seed
    )
