"""What a model must beat to be worth anything."""

import numpy as np
import numpy.typing as npt

from tuner.dataset.splits import Split


def mean_predictor(responses_LN: npt.NDArray[np.float32], splits: tuple[Split, ...]) -> npt.NDArray[np.float32]:
    """Predictions `[M, L, N]` that are each neuron's mean training response; NaN for images that are not held out."""
    predictions = np.full((len(splits), *responses_LN.shape), np.nan, dtype=np.float32)
    for prediction, split in zip(predictions, splits, strict=True):
        train = responses_LN[split.train]
        count_N = np.isfinite(train).sum(axis=0)
        overall = float(np.nanmean(train)) if count_N.any() else 0.0
        prediction[split.held_out] = np.where(count_N > 0, np.nansum(train, axis=0) / np.maximum(count_N, 1), overall)
    return predictions
