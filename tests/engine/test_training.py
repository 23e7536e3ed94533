import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.checkpoint import FILE, read_checkpoint, write_checkpoint
from tuner.engine.loop import Report
from tuner.engine.metrics import pooled_rmse
from tuner.engine.out_of_fold import gathered
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.settings import replaced


def pack_of(config: Config, dataset: Dataset) -> Pack:
    splits = make_splits(config.data, len(dataset.labelled))
    return Pack(config, dataset, splits, seed=5, device=torch.device("cpu"))


def found_of(report: Report) -> dict[str, object]:
    return {name: value for name, value in vars(report).items() if name != "predictions"}


def with_training(config: Config, **changes: object) -> Config:
    return replaced(config, {"training": replaced(config.training, changes)})


def test_training_ends_at_max_steps_even_between_evaluations(config: Config, dataset: Dataset) -> None:
    config = with_training(config, eval_steps=3, max_steps=7, early_stopping_evals=9)
    reports = list(Training(pack_of(config, dataset), dataset.responses).reports())
    assert [report.step for report in reports] == [3, 6, 7]
    assert [report.ending for report in reports] == [None, None, "max_steps"]


def test_training_ends_after_early_stopping_evals_without_improvement(config: Config, dataset: Dataset) -> None:
    config = with_training(config, eval_steps=1, max_steps=500, early_stopping_evals=3, learning_rate=0.05)
    reports = list(Training(pack_of(config, dataset), dataset.responses).reports())
    curve = [report.accuracy.rmse for report in reports]
    assert reports[-1].ending == "no_improvement"
    assert len(curve) == int(np.argmin(curve)) + 1 + 3


def test_the_reported_rmse_pools_all_replicates(config: Config, dataset: Dataset) -> None:
    pack = pack_of(config, dataset)
    report = next(Training(pack, dataset.responses).reports())
    assert report.accuracy.rmse == pooled_rmse(pack.evaluate(), dataset.responses)[0]
    covered = np.isfinite(pack.evaluate()).any(axis=(0, 2))
    assert covered.all()


def test_a_diverging_replicate_ends_the_trial_with_nan(config: Config, dataset: Dataset) -> None:
    config = with_training(config, learning_rate=1e30, max_steps=50)
    reports = list(Training(pack_of(config, dataset), dataset.responses).reports())
    assert reports[-1].ending == "diverged"
    assert math.isnan(reports[-1].accuracy.rmse)


def test_training_resumed_from_a_file_reports_what_it_would_have(
    config: Config, dataset: Dataset, tmp_path: Path
) -> None:
    config = with_training(config, early_stopping_evals=2, max_steps=40, learning_rate=0.03)
    whole = Training(pack_of(config, dataset), dataset.responses)
    expected = list(whole.reports())
    assert len(expected) > 3
    resumed: list[Report] = []
    checkpoint = None
    while not resumed or resumed[-1].ending is None:
        training = Training(pack_of(config, dataset), dataset.responses, checkpoint)
        resumed.append(next(training.reports()))
        write_checkpoint(tmp_path, training.checkpoint())
        checkpoint = read_checkpoint(tmp_path)
    assert [found_of(report) for report in resumed] == [found_of(report) for report in expected]
    assert checkpoint is not None
    steps = [report.step for report in expected]
    assert checkpoint.out_of_fold.steps.tolist() == steps
    last = gathered(expected[-1].predictions, whole.pack.splits)
    assert np.array_equal(checkpoint.out_of_fold.at(steps[-1]), last, equal_nan=True)
    assert checkpoint.best_step == min(expected, key=lambda report: report.accuracy.rmse).step


@pytest.mark.parametrize("saved", [False, True])
def test_the_best_weights_are_those_of_the_best_step(config: Config, dataset: Dataset, saved: bool) -> None:
    config = with_training(config, early_stopping_evals=3, eval_steps=1, max_steps=300, learning_rate=0.05)
    training = Training(pack_of(config, dataset), dataset.responses)
    weights = {}
    for report in training.reports():
        weights[report.step] = training.pack.weights()
        if saved:
            training.checkpoint()
    checkpoint = training.checkpoint()
    assert checkpoint.best_step is not None
    assert checkpoint.best_step < checkpoint.step
    best = weights[checkpoint.best_step]
    for name, values in checkpoint.best_weights.items():
        for key, value in values.items():
            assert torch.equal(value, best[name][key])


def test_a_checkpoint_of_the_best_step_holds_its_weights_once(config: Config, dataset: Dataset, tmp_path: Path) -> None:
    training = Training(pack_of(config, dataset), dataset.responses)
    report = next(training.reports())
    assert report.improved
    checkpoint = training.checkpoint()
    for name, values in checkpoint.weights.items():
        for key, value in values.items():
            assert checkpoint.best_weights[name][key].data_ptr() == value.data_ptr()
    copied = {name: {key: value.clone() for key, value in held.items()} for name, held in checkpoint.weights.items()}
    sizes = []
    for written in (checkpoint, replace(checkpoint, best_weights=copied)):
        write_checkpoint(tmp_path, written)
        sizes.append((tmp_path / FILE).stat().st_size)
    held = sum(value.nbytes for values in copied.values() for value in values.values())
    assert sizes[0] <= sizes[1] - held
