import numpy as np
import pytest

from tuner.selection.bootstrap import Mixture, interval, resamples
from tuner.selection.scores import Scores, rmse_estimate

L, N = 200, 3


def scores_of(bias_LN: np.ndarray, rng: np.random.Generator, repeats: int, noise: float) -> Scores:
    errors = bias_LN[None] + noise * rng.standard_normal((repeats, L, N))
    folds = np.stack([rng.permutation(L) % 5 for _ in range(repeats)])
    return Scores(errors.astype(np.float32), np.zeros((L, N), dtype=np.float32), folds)


def test_a_mean_of_networks_keeps_what_they_err_in_common_and_shares_out_the_rest() -> None:
    rng = np.random.default_rng(0)
    bias = rng.standard_normal((L, N))
    found = [Mixture([scores_of(bias, rng, 2, 0.5)], 5).rmse ** 2 for _ in range(50)]
    assert np.mean(found) == pytest.approx(float(np.square(bias).mean()) + 0.25 / 5, rel=0.01)


def test_a_mean_over_configs_is_that_of_their_predictions() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((L, N)), rng.standard_normal((L, N))
    folds = np.tile(np.arange(L) % 5, (2, 1))
    configs = [
        Scores(np.stack([bias, bias]).astype(np.float32), np.zeros((L, N), np.float32), folds) for bias in (one, other)
    ]
    expected = np.sqrt(np.square((one + other) / 2).mean())
    assert Mixture(configs, 1).rmse == pytest.approx(expected, rel=1e-5)
    assert Mixture(configs, 7).rmse == pytest.approx(expected, rel=1e-5)


def test_with_one_repeat_a_second_network_is_no_help() -> None:
    rng = np.random.default_rng(2)
    alone = scores_of(rng.standard_normal((L, N)), rng, 1, 0.5)
    assert Mixture([alone], 5).rmse == pytest.approx(alone.rmse, rel=1e-9)


def test_the_interval_is_as_wide_as_the_standard_error_says() -> None:
    rng = np.random.default_rng(3)
    one = scores_of(0.5 + 0.3 * rng.standard_normal((L, 1)).repeat(N, axis=1), rng, 2, 0.1)
    found = interval(Mixture([one]), resamples(one.folds, 0))
    assert found.rmse == pytest.approx(one.rmse)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * rmse_estimate(one).se, rel=0.15)


def test_the_same_seed_gives_the_same_draws() -> None:
    folds = np.tile(np.arange(L) % 5, (2, 1))
    first, second = resamples(folds, 1, 10), resamples(folds, 1, 10)
    assert np.array_equal(first.images, second.images)
    assert (first.images.sum(axis=1) == L).all()
    assert (first.networks.sum(axis=1) == 10).all()
