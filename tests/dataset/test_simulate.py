"""Laws of the simulated experiment."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tuner.dataset.simulate import Simulation, response_moments, simulate, write


@pytest.fixture(scope="module")
def challenge() -> Simulation:
    return simulate(np.random.default_rng(0))


def _small(seed: int = 0, num_images: int = 40, num_neurons: int = 5, repeats: int = 14) -> Simulation:
    rng = np.random.default_rng(seed)
    return simulate(rng, num_images=num_images, num_test=8, num_neurons=num_neurons, size=32, repeats=repeats)


def test_default_has_the_shape_of_the_challenge(challenge: Simulation) -> None:
    assert challenge.images.shape == (601, 80, 80, 3)
    assert challenge.images.dtype == np.uint8
    assert challenge.responses.shape == challenge.expected.shape == (601, 18)
    assert challenge.noise_rmse.shape == (18,)
    assert challenge.responses.dtype == challenge.expected.dtype == challenge.noise_rmse.dtype == np.float64


def test_other_sizes_work() -> None:
    small = _small()
    assert small.images.shape == (40, 32, 32, 3)
    assert small.responses.shape == small.expected.shape == (40, 5)
    assert np.isfinite(small.expected).all()


@pytest.mark.parametrize("size", [16, 17, 33, 62, 79])
def test_any_side_from_sixteen_pixels_works(size: int) -> None:
    tiny = simulate(np.random.default_rng(0), num_images=6, num_test=0, num_neurons=1, size=size)
    assert tiny.images.shape == (6, size, size, 3)
    assert np.isfinite(tiny.responses).all()


def test_same_seed_gives_the_same_experiment() -> None:
    one, other = _small(7), _small(7)
    for name in ("images", "responses", "expected", "noise_rmse"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_other_seed_gives_another_experiment() -> None:
    one, other = _small(7), _small(8)
    assert (one.images != other.images).mean() > 0.9
    assert (one.expected != other.expected).all()


def test_images_depend_on_neither_neurons_nor_repeats() -> None:
    np.testing.assert_array_equal(_small(num_neurons=2).images, _small(num_neurons=9, repeats=3).images)


def test_first_neurons_do_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(_small(num_neurons=3).expected, _small(num_neurons=6).expected[:, :3])


def test_more_images_are_appended() -> None:
    np.testing.assert_array_equal(_small(num_images=20).images, _small(num_images=40).images[:20])


def test_test_images_have_no_responses_and_all_others_have_one(challenge: Simulation) -> None:
    recorded = np.isfinite(challenge.responses)
    assert not recorded[:50].any()
    assert recorded[50:].any(axis=1).all()


def test_seven_neurons_miss_a_suffix_of_various_lengths(challenge: Simulation) -> None:
    recorded = np.isfinite(challenge.responses[50:-1])
    assert (np.diff(recorded.astype(int), axis=0) <= 0).all()  # once missing, missing to the end
    count = recorded.sum(axis=0)
    partly = count[count < len(recorded)]
    assert len(partly) == 7
    assert len(set(partly.tolist())) > 1
    assert partly.min() >= 0.2 * 551 - 1
    assert partly.max() <= 0.4 * 551


def test_last_image_was_shown_to_three_fully_recorded_neurons(challenge: Simulation) -> None:
    shown = np.isfinite(challenge.responses[-1])
    assert shown.sum() == 3
    assert np.isfinite(challenge.responses[50:, shown]).all()


@pytest.mark.parametrize("num_neurons", [1, 2, 3, 4, 5, 18])
def test_some_neurons_are_fully_recorded_whatever_their_number(num_neurons: int) -> None:
    recorded = np.isfinite(_small(num_neurons=num_neurons).responses[8:])
    assert recorded.all(axis=0).sum() == min(num_neurons, 3)
    assert recorded[0].all()


def test_two_labelled_images_suffice() -> None:
    recorded = np.isfinite(_small(num_images=10, num_neurons=18).responses[8:])
    assert recorded[0].all()
    assert recorded[1].sum() == 3


def test_missing_entries_do_not_depend_on_the_spikes() -> None:
    one, other = (np.isnan(_small(num_neurons=18, repeats=repeats).responses) for repeats in (3, 14))
    np.testing.assert_array_equal(one, other)


def test_fastest_neuron_is_the_quietest_when_every_image_is_shown_once() -> None:
    # For one repeat the root does not yet make all variances the same: 0.40 for 1 spike, 0.31 for 4, 0.25 in the limit.
    once = _small(num_neurons=12, repeats=1)
    assert np.ptp(once.noise_rmse) > 0.05
    assert once.noise_rmse.argmin() == once.expected.mean(axis=0).argmax()


def test_squared_responses_are_counts_over_repeats(challenge: Simulation) -> None:
    counts = 14 * challenge.responses[np.isfinite(challenge.responses)] ** 2
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)


def test_means_and_spreads_are_those_of_v4(challenge: Simulation) -> None:
    # Cowley et al. 2023, session 190923: means 0.9 to 2.5, standard deviations 0.24 to 0.57.
    means, spreads = np.nanmean(challenge.responses, axis=0), np.nanstd(challenge.responses, axis=0)
    assert means.min() > 0.9
    assert means.max() < 2.5
    assert spreads.min() > 0.2
    assert spreads.max() < 0.57


def test_perfect_model_explains_most_but_not_all(challenge: Simulation) -> None:
    ratio = challenge.noise_rmse / np.nanstd(challenge.responses, axis=0)
    assert 0.35 < ratio.mean() < 0.6


@pytest.mark.parametrize("repeats", [1, 14])
@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0, 5.3])
def test_moments_agree_with_random_draws(rate: float, repeats: int) -> None:
    (expected,), (variance,) = (moment[0] for moment in response_moments(np.array([[rate]]), repeats))
    draws = np.sqrt(np.random.default_rng(0).poisson(rate * repeats, 200_000) / repeats)
    assert abs(draws.mean() - expected) < 5 * draws.std() / np.sqrt(draws.size)
    squares = (draws - expected) ** 2
    assert abs(squares.mean() - variance) < 5 * squares.std() / np.sqrt(draws.size)


def test_moments_are_exact_for_rare_spikes() -> None:
    # E sqrt(S) = exp(-t) (t + sqrt(2) t^2 / 2 + O(t^3)), and the mean of the square of the response is the rate.
    total = 1e-6
    expected, variance = response_moments(np.array([[total]]), 1)
    series = np.exp(-total) * (total + np.sqrt(2) * total**2 / 2)
    assert expected[0, 0] == pytest.approx(series, rel=1e-11)
    assert variance[0, 0] == pytest.approx(total - series**2, rel=1e-11)


def test_variance_approaches_a_quarter_over_repeats_for_many_spikes() -> None:
    # Anscombe (1948): Var sqrt(S) = 1/4 + 3 / (32 t) + O(t^-2) for S ~ Poisson(t).
    _, variance = response_moments(np.array([[400.0]]), 10)
    assert 10 * variance[0, 0] == pytest.approx(0.25 + 3 / (32 * 4000), abs=1e-7)


def test_many_repeats_come_close_to_the_root_of_the_rate_from_below() -> None:
    few, many = _small(repeats=14), _small(repeats=2000)
    error = (many.responses - many.expected)[8:]
    assert np.nanmax(np.abs(error)) < 5 * 0.5 / np.sqrt(2000)  # the standard deviation is 1 / (2 sqrt(repeats))
    # Second order of the root around its mean: it is biased by -1 / (8 repeats sqrt(rate)).
    bias = (1 / 14 - 1 / 2000) / (8 * many.expected)
    np.testing.assert_allclose(many.expected - few.expected, bias, rtol=0.1)  # the next order is a 14th of it


def test_residuals_of_the_perfect_model_have_no_mean(challenge: Simulation) -> None:
    residual = challenge.responses - challenge.expected
    standard_error = challenge.noise_rmse / np.sqrt(np.isfinite(residual).sum(axis=0))
    assert (np.abs(np.nanmean(residual, axis=0)) < 5 * standard_error).all()


def test_noise_rmse_is_the_rmse_of_the_perfect_model(challenge: Simulation) -> None:
    squares = (challenge.responses - challenge.expected) ** 2
    count = np.isfinite(squares).sum(axis=0)
    # The standard error of a root mean square of n nearly normal errors is 1 / sqrt(2 n) of it.
    relative = np.sqrt(np.nanmean(squares, axis=0)) / challenge.noise_rmse - 1
    assert (np.abs(relative) < 5 / np.sqrt(2 * count)).all()
    pooled = np.sqrt((relative + 1) ** 2 @ count / count.sum()) - 1
    assert abs(pooled) < 5 / np.sqrt(2 * count.sum())


def test_written_files_hold_the_experiment(tmp_path: Path) -> None:
    simulation = _small()
    write(simulation, tmp_path / "new" / "folder")
    directory = tmp_path / "new" / "folder"
    assert sorted(path.name for path in directory.iterdir()) == ["stim.npy", "sub.csv", "train.csv", "truth.csv"]
    np.testing.assert_array_equal(np.load(directory / "stim.npy"), simulation.images)
    train, sub, truth = (
        np.genfromtxt(directory / name, delimiter=",", skip_header=1) for name in ("train.csv", "sub.csv", "truth.csv")
    )
    assert train[:, 0].tolist() == list(range(8, 40))
    assert sub[:, 0].tolist() == list(range(8))
    assert truth[:, 0].tolist() == list(range(40))
    np.testing.assert_allclose(train[:, 1:], simulation.responses[8:], atol=5.1e-7)  # six decimals
    np.testing.assert_allclose(truth[:, 1:], simulation.expected, atol=5.1e-7)
    assert (sub[:, 1:] == 0).all()


def test_written_cells_are_those_of_the_challenge(tmp_path: Path) -> None:
    simulation = _small()
    write(simulation, tmp_path)
    with (tmp_path / "train.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["Id", "neuron_00", "neuron_01", "neuron_02", "neuron_03", "neuron_04"]
    is_empty = np.array([[cell == "" for cell in row[1:]] for row in rows])
    np.testing.assert_array_equal(is_empty, np.isnan(simulation.responses[8:]))
    assert {len(cell.split(".")[1]) for row in rows for cell in row[1:] if cell} == {6}
    assert (tmp_path / "sub.csv").read_text().splitlines()[1] == "0,0.0,0.0,0.0,0.0,0.0"


def test_writing_again_replaces_the_files(tmp_path: Path) -> None:
    write(_small(0), tmp_path)
    write(_small(1), tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "stim.npy"), _small(1).images)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_images": 50, "num_test": 50}, r"num_images - 2 must hold, but got num_test=50, num_images=50"),
        ({"num_images": 51, "num_test": 50}, r"num_images - 2 must hold"),
        ({"num_test": -1}, r"0 <= num_test"),
        ({"num_neurons": 0}, r"at least 1, but got 0 and 14"),
        ({"repeats": 0}, r"at least 1, but got 18 and 0"),
        ({"size": 15}, r"size must be at least 16 pixels to hold a receptive field, but got 15"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(np.random.default_rng(0), **wrong)
