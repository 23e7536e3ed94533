"""How fast a config trains on this machine: it is trained for a moment."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from tuner.config import Config, TrainingConfig
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.process import own_process
from tuner.settings import replaced

WARM_UP_STEPS = 2
MEASURED_S = 2.0
SAME_RATE = 1e-6
"""A learning rate at which nothing diverges in a moment: networks that have diverged rest, and look fast."""


@dataclass(frozen=True)
class Speed:
    """What a pack did in a moment.

    Attributes:
        steps: Taken, of all its replicates together.
        seconds: That they took.
        evaluation_s: Seconds of one evaluation.
    """

    steps: int
    seconds: float
    evaluation_s: float

    @property
    def steps_per_s(self) -> float:
        """Training steps a second."""
        return self.steps / self.seconds

    def trial_s(self, steps: int, evaluations: int) -> float:
        """Seconds of so many steps and evaluations."""
        return steps / self.steps_per_s + evaluations * self.evaluation_s


def architecture(config: Config) -> Config:
    """The config with all that hardly changes its speed made the same: rates and seeds, but not whether there are any.

    Two configs with one architecture train equally fast.
    """
    layers: dict[str, Any] = {
        "conv_layers": tuple(_with_same_rates(layer) for layer in config.model.conv_layers),
        "dense_layers": tuple(_with_same_rates(layer) for layer in config.model.dense_layers),
        "logits_layer": _with_same_rates(config.model.logits_layer),
    }
    training = TrainingConfig(batch_size=config.training.batch_size, precision=config.training.precision)
    same = {"learning_rate": SAME_RATE, "max_steps": 1, "eval_steps": 1}
    data = {"random_seed": 0, "reshuffle": False}
    return replaced(
        config,
        {
            "model": replaced(config.model, layers),
            "training": replaced(training, same),
            "data": replaced(config.data, data),
        },
    )


def speed_of(config: Config, *, dataset: Dataset, threads: int, gpu: float, seconds: float = MEASURED_S) -> Speed:
    """How fast the trial of a config trains here, in a process of its own, which it sets up.

    Args:
        config: As it fits the data.
        dataset: What it is trained on.
        threads: That it may use.
        gpu: The part of one that it may use.
        seconds: That it may take.
    """
    splits = make_splits(config.data, len(dataset.labelled))
    return measured(Pack(config, dataset, splits, seed=0, device=own_process(threads, gpu=gpu)), seconds)


def measured(pack: Pack, seconds: float = MEASURED_S, clock: Callable[[], float] = perf_counter) -> Speed:
    """How fast the pack trains: at least one step is taken after the first ones, in which libraries get ready.

    Args:
        pack: Is trained.
        seconds: That this may take; the step that is taken then is ended.
        clock: In seconds.
    """
    pack.train(WARM_UP_STEPS)
    pack.evaluate()
    before, begun = pack.step, clock()
    chunk, passed = 1, 0.0
    while passed < seconds:
        pack.train(chunk)
        passed = clock() - begun
        pace = passed / (pack.step - before)
        chunk = max(1, math.floor((seconds - passed) / 2 / pace))  # a GPU works ahead: steps one by one look slow
    begun = clock()
    pack.evaluate()
    return Speed(pack.step - before, passed, clock() - begun)


def words(config: Config) -> str:
    """`conv 32 of 5x5, 64 of 3x3; dense 512; batch 64; rotate`: what mostly decides the speed of an architecture."""
    model, distortions = config.model, config.data.distortions
    convolutions = ", ".join(f"{one.num_filters} of {one.kernel_size}x{one.kernel_size}" for one in model.conv_layers)
    dense = ", ".join(str(one.num_units) for one in model.dense_layers)
    named = {"conv": convolutions, "dense": dense, "batch": config.training.batch_size}
    parts = [f"{name} {value}" for name, value in named.items() if value]
    parts += [name for name in type(distortions).model_fields if getattr(distortions, name) is not None]
    return "; ".join(parts) or "no hidden layer"


def _with_same_rates(layer: Any) -> Any:
    rates = {name: 0.5 if getattr(layer, name) else 0.0 for name in ("dropout_rate", "l2_regularization")}
    return replaced(layer, rates)
