"""Experiments that nobody ran: predictions whose RMSE is known."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.engine.out_of_fold import OutOfFold
from tuner.results.entry import Entry
from tuner.results.evidence import Evidence
from tuner.results.record import Measurement, Status, TrialRecord
from tuner.selection.claim import Contender
from tuner.selection.nested import Curve, curve_of
from tuner.selection.scores import Scores

IMAGES, FOLDS = 60, 5
NEURONS = ("left", "right")
STEPS, SLOWNESS = (2, 4, 6, 8), (1.4, 1.2, 1.0, 1.1)  # the third evaluation of a curve is its best
OWN_NOISE = 0.02

Levels = Mapping[str, float]


def out_of_fold_of(rng: np.random.Generator, level: float, repeats: int, responses: np.ndarray) -> OutOfFold:
    """Errors of one size, whose signs all variants have in common, and some noise of each network's own."""
    signs = np.where((np.arange(len(responses)) // FOLDS) % 2 == 0, 1.0, -1.0)[:, None]
    noise = OWN_NOISE * rng.standard_normal((repeats, *responses.shape))
    errors = np.stack([slowness * level * signs + noise for slowness in SLOWNESS])
    folds = np.stack([(np.arange(len(responses)) + repeat) % FOLDS for repeat in range(repeats)])
    return OutOfFold(np.array(STEPS), (np.nan_to_num(responses) + errors).astype(np.float32), folds)


def record_of(name: str, level: float, status: Status, macs: int) -> TrialRecord:
    """Ten seconds an evaluation."""
    rows = [
        Measurement(step, slowness * level, 0.01, 0.0, NEURONS, (level, level), (0, 0), (0, 0), 10.0 * (index + 1))
        for index, (step, slowness) in enumerate(zip(STEPS, SLOWNESS, strict=True))
    ]
    error = "MemoryError: too much" if status == "failed" else ""
    return TrialRecord(name, mutations_of(name), status, tuple(rows), 100, macs, error)


def mutations_of(name: str) -> tuple[str, ...]:
    """`base` has none, `a` has one, `a+b` is a chain of two."""
    return () if name == "base" else tuple(name.split("+"))


@pytest.fixture
def make_evidence(config: Config) -> Callable[..., Evidence]:
    """Makes the evidence of an experiment from the RMSE of each variant and each baseline; `base` is the control."""

    def make(
        search: Levels,
        finals: Levels | None = None,
        *,
        rounds: Mapping[str, int] | None = None,
        baselines: Levels | None = None,
        status: Mapping[str, Status] | None = None,
        macs: Mapping[str, int] | None = None,
        configs: Mapping[str, Config] | None = None,
        failed: Collection[str] = (),
        seed: int = 0,
    ) -> Evidence:
        rng = np.random.default_rng(seed)
        responses = rng.uniform(1, 2, (IMAGES, len(NEURONS))).astype(np.float32)
        responses[:3, 0] = np.nan
        ran = dict.fromkeys(finals or {}, 2) | dict(rounds or {})
        most = max(ran.values(), default=1)
        measured = {
            name: out_of_fold_of(rng, level, most, responses).at(STEPS[2]) for name, level in (baselines or {}).items()
        }
        return Evidence(
            entries=tuple(Entry(name, (configs or {}).get(name, config), mutations_of(name)) for name in search),
            records=tuple(
                record_of(name, level, (status or {}).get(name, "finished"), (macs or {}).get(name, 10))
                for name, level in search.items()
            ),
            search={name: out_of_fold_of(rng, level, 1, responses) for name, level in search.items()},
            finals={name: out_of_fold_of(rng, level, ran[name], responses) for name, level in (finals or {}).items()},
            failed={name: replace(record_of(name, 0.4, "failed", 10), error="MemoryError: much") for name in failed},
            finals_seconds={name: 5.0 * ran.get(name, 0) for name in search},
            responses=responses,
            neurons=NEURONS,
            baselines=measured,
            baseline_folds=out_of_fold_of(rng, 1.0, most, responses).folds,
            noise_rmse=None,
            seed=seed,
        )

    return make


@pytest.fixture
def scores_of() -> Callable[..., Scores]:
    """Makes scores of errors `[R, L, N]`: five folds, the same in every repeat."""

    def make(errors_RLN: np.ndarray) -> Scores:
        repeats, images, neurons = errors_RLN.shape
        folds = np.tile(np.arange(images) % FOLDS, (repeats, 1))
        return Scores(errors_RLN.astype(np.float32), np.zeros((images, neurons), np.float32), folds)

    return make


@pytest.fixture
def contender_of() -> Callable[..., Contender]:
    """Makes a contender of the errors `[T, R, L, N]` along its curve."""

    def make(
        name: str,
        errors_TRLN: np.ndarray,
        *,
        macs: int = 1,
        image_size: int = 48,
        control: bool = False,
        networks: int = 5,
        responses: np.ndarray | None = None,
    ) -> Contender:
        evaluations, repeats, images, neurons = errors_TRLN.shape
        held_to = np.zeros((images, neurons), np.float32) if responses is None else responses
        folds = np.tile(np.arange(images) % FOLDS, (repeats, 1))
        found = OutOfFold(np.arange(evaluations), errors_TRLN.astype(np.float32), folds)
        return Contender(
            name,
            macs,
            image_size,
            control,
            False,
            known(curve_of(found, held_to)),
            known(curve_of(found, held_to, networks)),
        )

    return make


def known(curve: Curve | None) -> Curve:
    """The curve, which is there."""
    assert curve is not None
    return curve
