"""The real data, where they are at hand."""

from pathlib import Path

import numpy as np
import torch

from tuner.config import load_config
from tuner.dataset.fit import fitted
from tuner.dataset.load import load_dataset
from tuner.dataset.splits import make_splits
from tuner.engine.metrics import pooled_rmse
from tuner.engine.pack import Pack
from tuner.selection.baselines import mean_predictor
from tuner.settings import replaced

ROOT = Path(__file__).parents[2]


def test_a_recording_in_the_challenges_format_is_read_as_it_is(v4: Path) -> None:
    dataset = load_dataset(v4)
    assert dataset.images.shape == (601, 80, 80, 3)
    assert dataset.images.dtype == np.uint8
    assert dataset.responses.shape == (551, 18)
    assert dataset.unlabelled.tolist() == list(range(50))
    recorded = np.isfinite(dataset.responses)
    assert recorded[-1].sum() == 3
    suffixes = [column for column in recorded[:-1].T if not column[-1]]
    assert len(suffixes) == 7
    assert all((np.diff(column.astype(int)) <= 0).all() for column in suffixes)
    row = (v4 / "train.csv").read_text().splitlines()[1].split(",")
    assert dataset.labelled[0] == int(row[0])
    np.testing.assert_array_equal(dataset.responses[0], np.array(row[1:], dtype=np.float32))


def test_a_few_dozen_steps_beat_the_mean_predictor_on_real_held_out_images(v4: Path) -> None:
    dataset = load_dataset(v4)
    config = fitted(load_config(ROOT / "base_configs" / "v4.yaml"), dataset)
    config = replaced(config, {"training": replaced(config.training, {"precision": "fp32"})})
    splits = make_splits(config.data, len(dataset.labelled))[:1]
    pack = Pack(config, dataset, splits, seed=0, device=torch.device("cpu"))
    pack.train(40)
    found = pooled_rmse(pack.evaluate(), dataset.responses)[0]
    mean = pooled_rmse(mean_predictor(dataset.responses, splits), dataset.responses)[0]
    assert found < 0.98 * mean
