import math

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from tuner.engine.metrics import accuracy, pooled_rmse


@pytest.fixture
def predicted() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    response = rng.random((40, 3))
    response[5:9, 1] = np.nan
    prediction = response + 0.1 * rng.standard_normal((2, 40, 3))
    prediction[0, :20] = np.nan
    prediction[1, 20:] = np.nan
    prediction[0, 5:9, 1] = prediction[1, 5:9, 1] = 1.0
    return prediction, response


def entries(prediction: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = np.broadcast_to(response, prediction.shape)
    known = np.isfinite(prediction) & np.isfinite(wide)
    return wide[known], prediction[known]


def test_rmse_is_that_of_scikit_learn_over_all_known_entries(predicted: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, response = predicted
    assert pooled_rmse(prediction, response)[0] == pytest.approx(
        root_mean_squared_error(*entries(prediction, response)), rel=1e-12
    )


def test_each_neuron_has_its_own_rmse_correlation_and_r2(predicted: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, response = predicted
    found = accuracy(prediction, response)
    for n in range(3):
        measured, guessed = entries(prediction[:, :, n], response[:, n])
        assert found.neuron_rmse[n] == pytest.approx(root_mean_squared_error(measured, guessed), rel=1e-12)
        assert found.neuron_r2[n] == pytest.approx(r2_score(measured, guessed), rel=1e-9)
        assert found.neuron_correlation[n] == pytest.approx(np.corrcoef(measured, guessed)[0, 1], rel=1e-9)


def test_standard_error_is_that_of_resampling_images() -> None:
    rng = np.random.default_rng(1)
    response = rng.random((300, 4))
    per_image = rng.gamma(2.0, 0.1, (300, 1))
    prediction = (response + per_image * rng.standard_normal((300, 4)))[None]
    drawn = [rng.integers(0, 300, 300) for _ in range(2000)]
    resampled = [pooled_rmse(prediction[:, rows], response[rows])[0] for rows in drawn]
    # 2000 bootstrap samples know their own spread to about 1.6 %; linearisation costs a little more.
    assert pooled_rmse(prediction, response)[1] == pytest.approx(np.std(resampled), rel=0.06)


def test_order_of_images_replicates_and_neurons_changes_nothing(predicted: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, response = predicted
    shuffled = pooled_rmse(prediction[::-1, ::-1, ::-1], response[::-1, ::-1])
    assert shuffled == pytest.approx(pooled_rmse(prediction, response), rel=1e-12)


def test_without_entries_everything_is_nan() -> None:
    found = accuracy(np.full((2, 5, 3), np.nan), np.ones((5, 3)))
    assert math.isnan(found.rmse)
    assert math.isnan(found.rmse_se)
    assert all(map(math.isnan, (*found.neuron_rmse, *found.neuron_correlation, *found.neuron_r2)))


def test_constant_responses_have_no_correlation_and_no_r2() -> None:
    found = accuracy(np.random.default_rng(0).random((1, 6, 1)), np.ones((6, 1)))
    assert math.isnan(found.neuron_correlation[0])
    assert math.isnan(found.neuron_r2[0])
    assert math.isfinite(found.neuron_rmse[0])
