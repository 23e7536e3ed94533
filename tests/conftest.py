"""What several tests share: small configs, small data, and one Ray for the session."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from xdist.scheduler import LoadFileScheduling

from tuner.config import Config, ConvLayer, DataConfig, DenseLayer, LogitsLayer, ModelConfig, TrainingConfig
from tuner.dataset.load import Dataset

FIRST = (
    "tests/cluster/test_on_aws.py",
    "tests/faults/",
    "tests/raytune/",
    "tests/test_end_to_end.py",
    "tests/cluster/",
)
"""Those that take longest."""
RAYS = ("tests/raytune/", "tests/stages/test_forecast.py", "tests/cluster/test_spot_notice.py")
V4 = Path(__file__).parents[2] / "shared" / "v4"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take longest come first, so that neither process works alone at the end."""
    items.sort(key=lambda item: next((at for at, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))


class OneRay(LoadFileScheduling):
    """Tests of one file run in one process, and all that need the session's Ray do."""

    def _split_scope(self, nodeid: str) -> str:
        return "ray" if nodeid.startswith(RAYS) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneRay:
    """xdist's hook."""
    return OneRay(config, log)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Other things run on these cores; and sums are the same only with the same number of threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_interrupts() -> Iterator[None]:
    """Ctrl-C ends the tests as it did before, whatever commands they run in this process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
    signal.set_wakeup_fd(-1)


@pytest.fixture(scope="session")
def v4() -> Path:
    """The folder of the real V4 data set."""
    if not (V4 / "stim.npy").is_file():
        pytest.skip("the V4 data set is not on this machine")
    return V4


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """36 images of 20 px, 30 of them labelled, and 4 neurons with gaps that follow the images' brightness."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (36, 20, 20, 3), dtype=np.uint8)
    images[:, :10] = rng.integers(0, 256, (36, 1, 1, 3), dtype=np.uint8)
    labelled = np.arange(6, 36)
    level = images[labelled].mean(axis=(1, 2))[:, [0, 1, 2, 0]] / 255
    responses = (1 + level + 0.1 * rng.standard_normal(level.shape)).astype(np.float32)
    responses[20:, 1] = np.nan
    responses[-1, :3] = np.nan
    return Dataset(images, responses, labelled, ("a", "b", "c", "d"), "somewhere")


@pytest.fixture(scope="session")
def config() -> Config:
    """Two convolutions, one dense layer, dropout everywhere, 3 folds, fp32."""
    return Config(
        data=DataConfig(folds=3, random_seed=7),
        model=ModelConfig(
            image_size=16,
            num_classes=4,
            conv_layers=(
                ConvLayer(num_filters=4, kernel_size=3, dropout_rate=0.1),
                ConvLayer(num_filters=6, kernel_size=3, l2_regularization=1e-3),
            ),
            dense_layers=(DenseLayer(num_units=8, dropout_rate=0.4),),
            logits_layer=LogitsLayer(dropout_rate=0.4),
        ),
        training=TrainingConfig(
            eval_steps=2, max_steps=8, early_stopping_evals=3, learning_rate=0.01, precision="fp32"
        ),
    )


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all tests that need one."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from tuner.raytune.resources import start_ray

    start_ray(None, num_cpus=2, num_gpus=0)
    yield
    ray.shutdown()
