"""A V4 experiment without an animal: dead-leaves images, curvature-tuned neurons, Poisson spikes, a known ceiling.

Legend of shapes: `n` images, `H W` pixels, `N` neurons, `K` spike counts.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuner.dataset.curvature_neurons import features, random_neuron, rate
from tuner.dataset.dead_leaves import Floats, dead_leaves

SHOWN_LAST = 3  # neurons that saw the last image
PARTLY_RECORDED = 7 / 18  # of the neurons miss a suffix of the rows


@dataclass(frozen=True)
class Simulation:
    """What the experiment recorded, and what only its simulator knows."""

    images: NDArray[np.uint8]
    """`[n, H, W, 3]`, RGB; the first `num_test` have no responses."""
    responses: Floats
    """`[n, N]`, square root of the spike count averaged over the repeats; NaN where not recorded."""
    expected: Floats
    """`[n, N]`, same unit, the response's expectation given the image: what a perfect model predicts."""
    noise_rmse: Floats
    """`[N]`, same unit, the perfect model's RMSE over all images: no model does better."""


def simulate(
    rng: np.random.Generator,
    *,
    num_images: int = 601,
    num_test: int = 50,
    num_neurons: int = 18,
    size: int = 80,
    repeats: int = 14,
) -> Simulation:
    """A simulated experiment whose images, neurons, spikes and missing entries come from four independent streams.

    Args:
        rng: Spawns the streams; a second call with the same one is another experiment.
        num_images: A larger number appends images; they depend on `size` and nothing else.
        num_test: How many of the first images have no responses.
        num_neurons: The parameters of the first neurons do not depend on it.
        size: Side of the images in pixels; receptive fields are centred in its central 60 %.
        repeats: How often every image is shown.

    Raises:
        ValueError: If a number is too small, or there are fewer than two labelled images.
    """
    _check(num_images, num_test, num_neurons, size, repeats)
    (for_images,) = rng.spawn(1)
    images = dead_leaves(for_images, num_images, size)
    return record(rng, images, num_test=num_test, num_neurons=num_neurons, repeats=repeats)


def record(
    rng: np.random.Generator, images: NDArray[np.uint8], *, num_test: int, num_neurons: int, repeats: int = 14
) -> Simulation:
    """What new neurons answer to these images `[n, H, W, 3]`; the arguments are those of `simulate`."""
    num_images, size = images.shape[:2]
    _check(num_images, num_test, num_neurons, size, repeats)
    for_neurons, for_spikes, for_missing = rng.spawn(3)
    seen = features(images)
    neurons = [random_neuron(stream, grid=seen.shape[1]) for stream in for_neurons.spawn(num_neurons)]
    rate_nN = np.stack([rate(neuron, seen) for neuron in neurons], axis=1)
    responses = np.sqrt(for_spikes.poisson(repeats * rate_nN) / repeats)
    responses[_missing(for_missing, num_images, num_test, num_neurons)] = np.nan
    expected, variance = response_moments(rate_nN, repeats)
    return Simulation(images, responses, expected, np.sqrt(variance.mean(axis=0)))


def response_moments(rate_nN: Floats, repeats: int) -> tuple[Floats, Floats]:
    """Exact mean and variance of `sqrt(S / repeats)` where the spike sum `S ~ Poisson(repeats * rate)`.

    Args:
        rate_nN: `[n, N]`, spikes in one repeat, above 0.
        repeats: At least 1.

    Returns:
        Two arrays `[n, N]`. The sum over the Poisson distribution stops 12 standard deviations and 40 spikes above its
        mean, where less than 1e-15 of it is left.
    """
    total_nN = repeats * rate_nN
    count_K = np.arange(int(total_nN.max() + 12 * np.sqrt(total_nN.max())) + 40)
    log_factorial_K = np.concatenate([[0.0], np.cumsum(np.log(count_K[1:]))])
    expected_nN = np.empty_like(rate_nN)
    for neuron, total_n in enumerate(total_nN.T):  # one neuron at a time keeps the table [n, K] small
        log_pmf_nK = np.log(total_n)[:, None] * count_K - total_n[:, None] - log_factorial_K
        pmf_nK = np.exp(log_pmf_nK)
        # Dividing by the sum cancels the rounding of large factorials: 6e-11 of the mean for 4000 spikes.
        expected_nN[:, neuron] = pmf_nK @ np.sqrt(count_K / repeats) / pmf_nK.sum(axis=1)
    return expected_nN, rate_nN - expected_nN**2


def write(simulation: Simulation, directory: Path) -> None:
    """The directory holds the experiment in the challenge's format, and the truth beside it.

    `stim.npy` has the images. `train.csv` (the rows with a response; empty where not recorded), `sub.csv` (the other
    rows, all 0.0) and `truth.csv` (the expected response to every image) have the columns `Id`, which indexes
    `stim.npy`, `neuron_00`, `neuron_01` and so on.

    Args:
        simulation: What to write.
        directory: Is created where missing; files of these names are replaced.
    """
    directory.mkdir(parents=True, exist_ok=True)
    np.save(directory / "stim.npy", simulation.images)
    is_labelled_n = np.isfinite(simulation.responses).any(axis=1)
    labelled, test = np.flatnonzero(is_labelled_n), np.flatnonzero(~is_labelled_n)
    _write_rows(directory / "train.csv", labelled, simulation.responses[labelled], decimals=6)
    _write_rows(directory / "sub.csv", test, np.zeros_like(simulation.expected[test]), decimals=1)
    _write_rows(directory / "truth.csv", np.arange(len(simulation.images)), simulation.expected, decimals=6)


def _check(num_images: int, num_test: int, num_neurons: int, size: int, repeats: int) -> None:
    if num_test < 0 or num_images < num_test + 2:
        got = f"num_test={num_test}, num_images={num_images}"
        raise ValueError(f"0 <= num_test <= num_images - 2 must hold, but got {got}")
    if num_neurons < 1 or repeats < 1:
        raise ValueError(f"num_neurons and repeats must be at least 1, but got {num_neurons} and {repeats}")
    if size < 16:
        raise ValueError(f"size must be at least 16 pixels to hold a receptive field, but got {size}")


def _missing(rng: np.random.Generator, num_images: int, num_test: int, num_neurons: int) -> NDArray[np.bool_]:
    """`[n, N]`: every test image, a suffix of the rows for some neurons, the last image for all but a few."""
    missing_nN = np.zeros((num_images, num_neurons), np.bool_)
    missing_nN[:num_test] = True
    num_partly = min(round(PARTLY_RECORDED * num_neurons), max(num_neurons - SHOWN_LAST, 0))
    order = rng.permutation(num_neurons)
    for neuron in order[:num_partly]:
        kept = max(1, int(rng.uniform(0.2, 0.4) * (num_images - num_test)))
        missing_nN[num_test + kept :, neuron] = True
    missing_nN[-1, order[: max(num_neurons - SHOWN_LAST, 0)]] = True
    return missing_nN


def _write_rows(path: Path, ids: NDArray[np.intp], values: Floats, decimals: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Id", *(f"neuron_{neuron:02d}" for neuron in range(values.shape[1]))])
        for row, row_values in zip(ids.tolist(), values.tolist(), strict=True):
            writer.writerow([row, *("" if np.isnan(value) else f"{value:.{decimals}f}" for value in row_values)])
