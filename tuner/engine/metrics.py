"""How far predictions are from responses.

Axes: `M` replicates, `B` images, `N` neurons. A prediction is NaN where the image was not held out for the replicate, a
response where the neuron was not recorded; both count for nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Accuracy:
    """How good the held-out predictions are.

    Attributes:
        rmse: Root mean squared error, pooled over replicates, images and neurons; NaN without any entry.
        rmse_se: Its standard error over images; NaN with fewer than two images.
        neuron_rmse: `[N]`, pooled over replicates and images; NaN for a neuron without entries.
        neuron_correlation: `[N]`, Pearson's r over the same entries; NaN where either side is constant.
        neuron_r2: `[N]`, 1 - squared error / squared distance to the entries' own mean; NaN where they are constant.
    """

    rmse: float
    rmse_se: float
    neuron_rmse: tuple[float, ...]
    neuron_correlation: tuple[float, ...]
    neuron_r2: tuple[float, ...]


def accuracy(prediction_MBN: Array, response_BN: Array) -> Accuracy:
    """The accuracy of `[M, B, N]` predictions of `[B, N]` responses."""
    rmse, rmse_se = pooled_rmse(prediction_MBN, response_BN)
    columns = [_column(prediction_MBN[:, :, n], response_BN[:, n]) for n in range(response_BN.shape[1])]
    return Accuracy(rmse, rmse_se, *(tuple(values) for values in zip(*columns, strict=True)))


def pooled_rmse(prediction_MBN: Array, response_BN: Array) -> tuple[float, float]:
    """Root of the squared error pooled over all entries, and its standard error.

    The standard error takes images as the independent units, since one image's neurons and repeats err together: the
    linearised variance of a ratio of sums (Cochran 1977, section 6.4), halved on the way from a square to its root.
    """
    error_MBN = np.square(prediction_MBN.astype(np.float64) - response_BN)
    square_B = np.nansum(error_MBN, axis=(0, 2))
    count_B = np.isfinite(error_MBN).sum(axis=(0, 2))
    seen = count_B > 0
    images, total = int(seen.sum()), int(count_B.sum())
    if images == 0:
        return math.nan, math.nan
    mse = float(square_B.sum() / total)
    if images < 2 or mse == 0:
        return math.sqrt(mse), math.nan
    residual = square_B[seen] - mse * count_B[seen]
    se_of_mse = math.sqrt(images / (images - 1) * float(np.square(residual).sum())) / total
    return math.sqrt(mse), se_of_mse / (2 * math.sqrt(mse))


def _column(prediction_MB: Array, response_B: Array) -> tuple[float, float, float]:
    response_MB = np.broadcast_to(response_B, prediction_MB.shape)
    known = np.isfinite(prediction_MB) & np.isfinite(response_MB)
    if not known.any():
        return math.nan, math.nan, math.nan
    predicted, measured = prediction_MB[known].astype(np.float64), response_MB[known].astype(np.float64)
    mse = float(np.square(predicted - measured).mean())
    spread = float(measured.var())
    r2 = 1 - mse / spread if spread > 0 else math.nan
    varies = spread > 0 and predicted.std() > 0
    return math.sqrt(mse), float(np.corrcoef(predicted, measured)[0, 1]) if varies else math.nan, r2
