"""What is shown of curves and of the winner's predictions."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tuner.engine.metrics import accuracy
from tuner.results.standing import LearningCurve, Stage
from tuner.selection.measured import Curves
from tuner.selection.scores import Scores, rmse_estimate


def learning_curves(curves: Curves, stage: Stage) -> Iterable[LearningCurve]:
    """RMSE against steps with its standard error, of each."""
    for name, curve in curves.items():
        found = [rmse_estimate(curve.at(index)) for index in range(len(curve.out_of_fold.steps))]
        steps = tuple(int(step) for step in curve.out_of_fold.steps)
        yield LearningCurve(name, stage, steps, tuple(one.value for one in found), tuple(one.se for one in found))


def neuron_metrics(scores: Scores) -> dict[str, tuple[float, ...]]:
    """Metric to one value a neuron."""
    found = accuracy(scores.predictions, scores.responses)
    return {"rmse": found.neuron_rmse, "correlation": found.neuron_correlation, "r2": found.neuron_r2}


def mean_prediction(scores: Scores) -> npt.NDArray[np.float64]:
    """`[L, N]`, the mean over repeats; NaN where there is none."""
    known = np.isfinite(scores.predictions)
    total = np.where(known, scores.predictions, 0).sum(axis=0, dtype=np.float64)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def protocol(scores: Scores) -> str:
    """How the scores were measured, one clause."""
    folds, repeats = int(scores.folds.max()) + 1, scores.repeats
    held_out, all_images = int((scores.folds >= 0).any(axis=0).sum()), scores.folds.shape[1]
    if folds == 1:
        return f"{held_out} held-out images"
    part = f", {held_out} of the {all_images} images" if held_out < all_images else ""
    return f"{repeats} repeat{'s' * (repeats != 1)} of {folds} folds{part}"
