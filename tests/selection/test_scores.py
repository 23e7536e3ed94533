import math

import numpy as np
import pytest

from tuner.engine.metrics import pooled_rmse
from tuner.selection.scores import Scores, difference, rmse_estimate

L, N, FOLDS = 120, 4, 5


def scores(rng: np.random.Generator, image_L: np.ndarray, network_sd: float = 0.0, repeats: int = 2) -> Scores:
    """Predictions of zero responses: an error of the image, of the network, and of neither."""
    folds = np.stack([rng.permutation(L) % FOLDS for _ in range(repeats)])
    network = network_sd * rng.standard_normal((repeats, FOLDS))
    error = 1 + image_L[None, :] + np.take_along_axis(network, folds, axis=1)
    predictions = error[:, :, None] + 0.1 * rng.standard_normal((repeats, L, N))
    return Scores(predictions.astype(np.float32), np.zeros((L, N), dtype=np.float32), folds)


def test_the_rmse_and_its_standard_error_are_those_of_the_engine_where_only_images_vary() -> None:
    rng = np.random.default_rng(0)
    one = scores(rng, 0.3 * rng.standard_normal(L))
    rmse, se = pooled_rmse(one.predictions, one.responses)
    found = rmse_estimate(one)
    assert found.value == pytest.approx(rmse, rel=1e-12)
    assert se * 0.999 <= found.se < 1.3 * se


def test_the_standard_error_is_that_of_repeated_experiments_also_where_networks_vary() -> None:
    rng = np.random.default_rng(1)
    found = [rmse_estimate(scores(rng, 0.2 * rng.standard_normal(L), network_sd=0.15)) for _ in range(400)]
    scatter = np.std([one.value for one in found])
    assert np.sqrt(np.mean([one.se**2 for one in found])) == pytest.approx(scatter, rel=0.12)


def test_a_difference_is_paired_by_image_and_exact() -> None:
    rng = np.random.default_rng(2)
    image_L = 0.5 * rng.standard_normal(L)
    one = scores(rng, image_L)
    other = Scores(one.predictions + np.float32(0.01), one.responses, one.folds)
    gap = difference(one, other)
    assert gap.value == pytest.approx(one.rmse - other.rmse, rel=1e-9)
    assert gap.se < rmse_estimate(one).se / 10
    assert difference(other, one).value == -gap.value


def test_equal_predictions_differ_by_nothing_and_prove_nothing() -> None:
    rng = np.random.default_rng(3)
    one = scores(rng, np.zeros(L))
    assert (difference(one, one).value, difference(one, one).p) == (0.0, 1.0)


def test_other_splits_are_compared_by_image_alone() -> None:
    rng = np.random.default_rng(4)
    image_L = 0.5 * rng.standard_normal(L)
    gaps = [difference(scores(rng, image_L), scores(rng, image_L)) for _ in range(200)]
    assert np.mean([gap.p < 0.05 for gap in gaps]) <= 0.1
    assert np.std([gap.value for gap in gaps]) < 0.1 * rmse_estimate(scores(rng, image_L)).se * 10


def test_without_a_common_entry_nothing_is_known() -> None:
    nothing = Scores(np.full((1, 3, 1), np.nan, np.float32), np.zeros((3, 1), np.float32), np.zeros((1, 3), np.int64))
    assert math.isnan(rmse_estimate(nothing).value)
    assert difference(nothing, nothing).p == 1.0
