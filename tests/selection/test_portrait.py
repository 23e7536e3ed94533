from collections.abc import Callable

import numpy as np
import pytest

from tuner.results.evidence import Evidence
from tuner.selection.measured import Measured
from tuner.selection.portrait import learning_curves, mean_prediction, neuron_metrics, protocol
from tuner.selection.scores import Scores, rmse_estimate

NAN = np.nan


def test_a_learning_curve_has_the_rmse_of_every_evaluation(make_evidence: Callable[..., Evidence]) -> None:
    measured = Measured(make_evidence({"base": 0.5, "a": 0.4}), 2)
    base, a = learning_curves(measured.search_curves, "search")
    assert (base.variant, base.stage, a.variant, a.steps) == ("base", "search", "a", (2, 4, 6, 8))
    assert a.rmse == pytest.approx([0.56, 0.48, 0.4, 0.44], abs=0.01)
    last = rmse_estimate(measured.search_curves["a"].at(3))
    assert (a.rmse[3], a.se[3]) == (last.value, last.se)


def test_the_mean_prediction_is_over_the_repeats_that_hold_the_image_out() -> None:
    predictions = np.array([[[1.0], [2.0], [NAN]], [[3.0], [NAN], [NAN]]], np.float32)
    found = mean_prediction(Scores(predictions, np.zeros((3, 1), np.float32), np.array([[0, 1, -1], [0, -1, -1]])))
    assert found.tolist()[:2] == [[2.0], [2.0]]
    assert np.isnan(found[2, 0])


def test_each_neuron_has_its_own_metrics() -> None:
    rng = np.random.default_rng(0)
    responses = rng.uniform(1, 2, (40, 2)).astype(np.float32)
    predictions = np.stack([responses[:, 0] + 0.5, 3 - responses[:, 1]], axis=1)[None]
    found = neuron_metrics(Scores(predictions, responses, np.zeros((1, 40), np.int64)))
    assert list(found) == ["rmse", "correlation", "r2"]
    assert found["rmse"][0] == pytest.approx(0.5)
    assert found["correlation"] == pytest.approx((1, -1))


@pytest.mark.parametrize(
    ("folds", "clause"),
    [
        (np.tile(np.arange(20) % 5, (2, 1)), "2 repeats of 5 folds"),
        ((np.arange(20) % 3)[None], "1 repeat of 3 folds"),
        (np.where(np.arange(20) < 6, 0, -1)[None], "6 held-out images"),
    ],
)
def test_the_protocol_is_said_in_a_clause(folds: np.ndarray, clause: str) -> None:
    nothing = np.zeros((len(folds), 20, 1), np.float32)
    assert protocol(Scores(nothing, nothing[0], folds)) == clause
