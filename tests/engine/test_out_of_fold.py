import io

import numpy as np
import pytest

import tuner.engine.out_of_fold as module
from tuner.config import DataConfig
from tuner.dataset.splits import make_splits, splits_of
from tuner.engine.out_of_fold import OutOfFold, gathered, joined, no_evaluations, read_out_of_fold
from tuner.errors import InputError

L, N = 12, 2
SPLITS = make_splits(DataConfig(folds=3, repeats=2), L)


def predictions(value: float) -> np.ndarray:
    found = np.full((len(SPLITS), L, N), np.nan, dtype=np.float32)
    for index, split in enumerate(SPLITS):
        found[index, split.held_out] = value + index
    return found


def curve(steps: int) -> OutOfFold:
    found = no_evaluations(SPLITS, L, N)
    for step in range(1, steps + 1):
        found = found.with_evaluation(step, predictions(10.0 * step), SPLITS, 1)
    return found


def test_each_image_has_the_prediction_of_the_network_that_did_not_see_it() -> None:
    found = gathered(predictions(0.0), SPLITS)
    for index, split in enumerate(SPLITS):
        assert (found[split.repeat, split.held_out] == index).all()
    assert np.isfinite(found).all()


def test_folds_and_splits_say_the_same() -> None:
    for split, again in zip(SPLITS, splits_of(curve(1).folds), strict=True):
        assert (split.repeat, split.fold) == (again.repeat, again.fold)
        assert np.array_equal(split.train, again.train)
        assert np.array_equal(split.held_out, again.held_out)


def test_what_is_read_is_what_was_dumped() -> None:
    found = curve(3)
    read = read_out_of_fold(found.dump(), "there")
    assert read.steps.tolist() == [1, 2, 3]
    assert np.array_equal(read.predictions, found.predictions)
    assert np.array_equal(read.folds, found.folds)


@pytest.mark.parametrize("content", [b"", b"PK", curve(2).dump()[:200]])
def test_what_is_not_whole_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="there is not a whole file of held-out predictions"):
        read_out_of_fold(content, "there")


def test_a_long_curve_keeps_the_evaluations_around_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 3 * gathered(predictions(0), SPLITS).nbytes)
    assert curve(9).steps.tolist() == [1, 2, 3]


def test_repeats_of_several_trials_have_the_steps_that_all_have() -> None:
    found = joined((curve(4), curve(3)))
    assert found.steps.tolist() == [1, 2, 3]
    assert found.predictions.shape == (3, 4, L, N)
    assert found.folds.shape == (4, L)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": np.array([1.0, 2.0])},
        {"steps": np.array([2, 1])},
        {"steps": np.array([1, 2, 3])},
        {"steps": np.array(1)},
        {"predictions": np.zeros((2, 2, L), np.float32)},
        {"predictions": np.full((2, 2, L, N), "x")},
        {"predictions": np.full((2, 2, L, N), np.inf, np.float32)},
        {"folds": np.full((2, L), 10**9)},
        {"folds": np.zeros((2, L - 1), np.int64)},
        {"folds": np.zeros((2, L))},
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(wrong: dict[str, np.ndarray]) -> None:
    found = curve(2)
    arrays = {"steps": found.steps, "predictions": found.predictions, "folds": found.folds}
    file = io.BytesIO()
    np.savez(file, **(arrays | wrong))
    with pytest.raises(InputError, match="there holds arrays of another shape or type"):
        read_out_of_fold(file.getvalue(), "there")
