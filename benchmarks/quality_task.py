"""What both searches are given: the data, the variants, and images that neither of them sees."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import Config, load_config
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset
from tuner.engine.metrics import pooled_rmse
from tuner.seeding import seed_of
from tuner.settings import replaced

BASE = Path(__file__).parents[1] / "base_configs" / "v4.yaml"
GRID = {"learning_rate": (0.001, 0.002, 0.004), "filters": (16, 32), "dropout": (0.4, 0.2), "last": (64, 128)}
COUNTS = tuple(int(n) for n in np.cumprod([len(values) for values in GRID.values()]))
"""Numbers of variants to choose from: of the grid's first key, of its first two, and so on."""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One search.

    Attributes:
        dataset: What it may see.
        private_images_BHWC: `[B, H, W, 3]`, as in a data set.
        private_responses_BN: `[B, N]`.
        variants: In the order in which they are tried.
        max_steps: Of each trial.
        seed: Of everything random in it.
        cpus: That it may use, one a trial.
    """

    dataset: Dataset
    private_images_BHWC: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    private_responses_BN: npt.NDArray[np.float32]
    variants: tuple[Settings, ...]
    max_steps: int
    seed: int
    cpus: int

    def config_of(self, variant: Settings) -> Config:
        """`base_configs/v4.yaml` with the variant's settings; the seed decides which images are held out."""
        base = load_config(BASE)
        first, *middle, last = base.model.conv_layers
        ends = replaced(first, {"num_filters": variant["filters"]}), replaced(last, {"num_filters": variant["last"]})
        model = {
            "conv_layers": (ends[0], *middle, ends[1]),
            "logits_layer": replaced(base.model.logits_layer, {"dropout_rate": variant["dropout"]}),
        }
        training = {"learning_rate": variant["learning_rate"], "max_steps": self.max_steps}
        changed = {
            "data": replaced(base.data, {"random_seed": self.seed}),
            "model": replaced(base.model, model),
            "training": replaced(base.training, training),
        }
        return fitted(replaced(base, changed), self.dataset)

    def private_rmse(self, prediction_BN: Tensor) -> float:
        """RMSE on the private images, pooled over neurons."""
        return pooled_rmse(prediction_BN.numpy()[None], self.private_responses_BN)[0]

    @property
    def mean_predictor(self) -> float:
        """Private RMSE of each neuron's mean response."""
        mean_N = np.nanmean(self.dataset.responses, axis=0)
        return self.private_rmse(torch.from_numpy(mean_N).expand(len(self.private_responses_BN), -1))


def task_of(dataset: Dataset, *, private: int, variants: int, max_steps: int, seed: int, cpus: int) -> Task:
    """The search of one seed. The private images are the same for every seed; the order of the variants is not.

    Args:
        dataset: All that there is.
        private: How many labelled images are taken out of it.
        variants: How many, one of `COUNTS`.
        max_steps: Of each trial.
        seed: The search's.
        cpus: That it may use.
    """
    order = np.random.default_rng(seed_of("private images")).permutation(len(dataset.labelled))
    return task_without(dataset, order[:private], variants=variants, max_steps=max_steps, seed=seed, cpus=cpus)


def task_without(
    dataset: Dataset, private: npt.NDArray[np.int64], *, variants: int, max_steps: int, seed: int, cpus: int
) -> Task:
    """As `task_of`, with `private` the positions of the labelled images that are taken out."""
    out, kept = np.sort(private), np.setdiff1d(np.arange(len(dataset.labelled)), private)
    seen = replace(dataset, responses=dataset.responses[kept], labelled=dataset.labelled[kept])
    found = _variants(variants)
    tried = np.random.default_rng(seed_of("order", seed)).permutation(len(found))
    return Task(
        seen,
        dataset.images[dataset.labelled[out]],
        dataset.responses[out],
        tuple(found[index] for index in tried),
        max_steps,
        seed,
        cpus,
    )


def name_of(settings: Settings) -> str:
    """The variant's name."""
    return "-".join(f"{key}={value}" for key, value in settings.items())


def _variants(count: int) -> tuple[Settings, ...]:
    varied = COUNTS.index(count) + 1
    values = [found if index < varied else found[:1] for index, found in enumerate(GRID.values())]
    return tuple(dict(zip(GRID, combination, strict=True)) for combination in itertools.product(*values))
