"""One simulated experiment with a known truth: its data, its grid, and what its networks are truly worth."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import Config, ConvLayer, DataConfig, DenseLayer, LogitsLayer, ModelConfig, TrainingConfig
from tuner.dataset.dead_leaves import dead_leaves
from tuner.dataset.load import Dataset
from tuner.dataset.simulate import Simulation, record
from tuner.dataset.splits import whole
from tuner.engine.pack import Pack
from tuner.promotion.ensemble import ensemble_of
from tuner.results.entry import Entry
from tuner.seeding import seed_of
from tuner.settings import replaced

LABELLED, UNSEEN, TEST, NEURONS, SIZE, CROP = 500, 15000, 2, 6, 16, 12
TRUTH_NETWORKS = 8
CURVE_IMAGES = 1000
BASE = Config(
    data=DataConfig(folds=3),
    model=ModelConfig(
        image_size=CROP,
        num_classes=NEURONS,
        conv_layers=(ConvLayer(num_filters=8, kernel_size=5, pool_size=4),),
        dense_layers=(),
        logits_layer=LogitsLayer(dropout_rate=0.2),
    ),
    training=TrainingConfig(
        eval_steps=6, max_steps=60, early_stopping_evals=3, batch_size=64, learning_rate=0.03, precision="fp32"
    ),
)


@dataclass(frozen=True, eq=False)
class Truth:
    """Images that no variant sees, with what a perfect model would answer.

    Attributes:
        images: `[B, 3, S, S]` in 0..1.
        expected: `[B, N]`.
        noise: `[N]`, variance of the responses around it.
        weights: `[N]`, each neuron's share of the recorded entries, as the pooled RMSE has it.
    """

    images: Tensor
    expected: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    def of_images(self, count: int) -> "Truth":
        """The first of the images alone."""
        return replace(self, images=self.images[:count], expected=self.expected[:count])

    def rmse(self, prediction_BN: npt.NDArray[np.float32]) -> float:
        """The pooled RMSE on new images of the same kind."""
        error_N = np.square(prediction_BN - self.expected).mean(axis=0) + self.noise
        return float(np.sqrt(error_N @ self.weights))


@dataclass(frozen=True, eq=False)
class Task:
    """One experiment.

    Attributes:
        dataset: What it may see.
        truth: What it may not.
        entries: Base and variants.
    """

    dataset: Dataset
    truth: Truth
    entries: tuple[Entry, ...]


def task_of(seed: int, *, null: bool) -> Task:
    """The experiment of this number: its own images, neurons and spikes.

    Args:
        seed: Its number.
        null: Whether all variants are the base config under other names, and so none is better.
    """
    rng = np.random.default_rng(seed_of("honesty", seed))
    simulation = record(rng, rng.permutation(_pool()), num_test=TEST, num_neurons=NEURONS)
    dataset = _dataset(simulation)
    return Task(dataset, _truth(simulation, dataset), _null_grid() if null else _grid())


def luck_of(task: Task) -> float:
    """How much harder the labelled images are than all: the mean predictor's RMSE there over its true one, less 1."""
    mean_N = np.nanmean(task.dataset.responses, axis=0)
    shown = np.sqrt(np.nanmean(np.square(task.dataset.responses - mean_N)))
    return float(shown / task.truth.rmse(np.broadcast_to(mean_N, task.truth.expected.shape)) - 1)


@cache
def _pool() -> npt.NDArray[np.uint8]:
    """Images of which each experiment sees others: so many that what is left tells the truth to a percent."""
    return dead_leaves(np.random.default_rng(seed_of("honesty images")), TEST + LABELLED + UNSEEN, SIZE)


def true_curve(task: Task, config: Config, steps: tuple[int, ...], truth: Truth, seed: int) -> dict[int, float]:
    """Step to the true RMSE of one network, trained on all labelled images: the root mean square over a few of them."""
    splits = whole(len(task.dataset.labelled), TRUTH_NETWORKS)
    pack = Pack(config, task.dataset, splits, seed=seed_of("truth", seed), device=torch.device("cpu"))
    found = {}
    for step in steps:
        pack.train(step - pack.step)
        nets = ensemble_of(config, NEURONS, pack.weights()).nets
        with torch.no_grad():
            found[step] = float(np.sqrt(np.mean([truth.rmse(net(truth.images).numpy()) ** 2 for net in nets])))
    return found


def _dataset(simulation: Simulation) -> Dataset:
    labelled = np.arange(TEST, TEST + LABELLED)
    responses = simulation.responses[labelled].astype(np.float32)
    missing = int(LABELLED * 0.8)
    responses[missing:, :2] = np.nan  # as in the challenge, some neurons miss a suffix of the rows
    names = tuple(f"neuron_{index}" for index in range(NEURONS))
    return Dataset(simulation.images[: TEST + LABELLED], responses, labelled, names, "simulated", None)


def _truth(simulation: Simulation, dataset: Dataset) -> Truth:
    unseen = slice(TEST + LABELLED, None)
    edge = (SIZE - CROP) // 2
    images = simulation.images[unseen, edge : edge + CROP, edge : edge + CROP]
    count_N = np.isfinite(dataset.responses).sum(axis=0)
    return Truth(
        torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255,
        simulation.expected[unseen],
        np.square(simulation.noise_rmse),
        count_N / count_N.sum(),
    )


def _grid() -> tuple[Entry, ...]:
    (conv,) = BASE.model.conv_layers
    changes: dict[str, dict[str, dict[str, object]]] = {
        "more_filters": {"model": {"conv_layers": (replaced(conv, {"num_filters": 16}),)}},
        "small_kernel": {"model": {"conv_layers": (replaced(conv, {"kernel_size": 3}),)}},
        "dense_layer": {"model": {"dense_layers": (DenseLayer(num_units=12, dropout_rate=0.2),)}},
        "more_dropout": {"model": {"logits_layer": LogitsLayer(dropout_rate=0.5)}},
        "slow": {"training": {"learning_rate": 0.01}},
    }
    entries = [Entry(name, replaced(BASE, _sections(change)), (name,)) for name, change in changes.items()]
    return (Entry("base", BASE, ()), *entries)


def _sections(change: dict[str, dict[str, object]]) -> dict[str, object]:
    return {section: replaced(getattr(BASE, section), values) for section, values in change.items()}


def _null_grid() -> tuple[Entry, ...]:
    """The same training under six names: what differs decides nothing."""
    configs = [
        replaced(BASE, {"training": replaced(BASE.training, {"exports_to_keep": 1 + index})}) for index in range(6)
    ]
    return tuple(
        Entry("base" if index == 0 else f"same_{index}", config, (f"same_{index}",) if index else ())
        for index, config in enumerate(configs)
    )
