from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config, ConvLayer, DataConfig, ModelConfig
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.errors import ConfigError

DATASET = Dataset(
    images=np.zeros((9, 12, 10, 3), np.uint8),
    responses=np.ones((7, 2), np.float32),
    labelled=np.arange(7),
    neurons=("a", "b"),
    source="somewhere",
)
DATA = DataConfig(eval_size=3)


@pytest.mark.parametrize("num_classes", [None, 2])
def test_a_fitted_config_has_the_datas_number_of_neurons_and_is_the_same_otherwise(num_classes: int | None) -> None:
    conv = (ConvLayer(num_filters=2, kernel_size=3),)
    config = Config(data=DATA, model=ModelConfig(image_size=10, num_classes=num_classes, conv_layers=conv))
    assert fitted(config, DATASET) == Config(
        data=DATA, model=ModelConfig(image_size=10, num_classes=2, conv_layers=conv)
    )


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            Config(data=DATA, model=ModelConfig(image_size=11)),
            r"^model.image_size must be at most 10, the images' smaller side, but got 11$",
        ),
        (
            Config(data=DATA, model=ModelConfig(image_size=8, num_classes=3)),
            r"^model.num_classes must be 2, the number of neurons in somewhere, but got 3$",
        ),
        (
            Config(data=DataConfig(eval_size=7), model=ModelConfig(image_size=8)),
            r"^data.eval_size must be below 7, the number of labelled images, but got 7$",
        ),
        (
            Config(data=DataConfig(folds=8), model=ModelConfig(image_size=8)),
            r"^data.folds must be at most 7, the number of labelled images, but got 8$",
        ),
    ],
)
def test_a_config_that_does_not_fit_the_data_says_why(config: Config, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        fitted(config, DATASET)


def test_a_split_without_any_response_to_score_is_refused() -> None:
    responses = np.ones((7, 2), np.float32)
    responses[1:] = np.nan
    dataset = replace(DATASET, responses=responses)
    seeds = [
        seed for seed in range(20) if 0 not in make_splits(DataConfig(eval_size=3, random_seed=seed), 7)[0].held_out
    ]
    config = Config(data=DataConfig(eval_size=3, random_seed=seeds[0]), model=ModelConfig(image_size=8))
    with pytest.raises(
        ConfigError, match=r"^data\.random_seed holds out only images without any response; take another$"
    ):
        fitted(config, dataset)
    folds = Config(data=DataConfig(folds=7), model=ModelConfig(image_size=8))
    assert fitted(folds, dataset).data.folds == 7
