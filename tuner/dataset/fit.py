"""A config and a data set, held against each other before anything is trained."""

import numpy as np

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.errors import ConfigError
from tuner.settings import replaced


def fitted(config: Config, dataset: Dataset, variant: str = "") -> Config:
    """The config with the data's number of neurons in it.

    Raises:
        ConfigError: the images are too small for it, the number of neurons is another, or too few images are labelled.
    """
    height, width = dataset.images.shape[1:3]
    if config.model.image_size > min(height, width):
        raise ConfigError(
            ("model", "image_size"),
            f"must be at most {min(height, width)}, the images' smaller side, but got {config.model.image_size}",
        )
    neurons = len(dataset.neurons)
    if config.model.num_classes not in (None, neurons):
        raise ConfigError(
            ("model", "num_classes"),
            f"must be {neurons}, the number of neurons in {dataset.source}, but got {config.model.num_classes}",
        )
    splits = make_splits(config.data, len(dataset.labelled), variant)
    if not any(np.isfinite(dataset.responses[split.held_out]).any() for split in splits):
        raise ConfigError(("data", "random_seed"), "holds out only images without any response; take another")
    return replaced(config, {"model": replaced(config.model, {"num_classes": neurons})})
