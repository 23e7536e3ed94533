"""What a model must beat to be worth anything.

Axes: `M` replicates, one a split; `L` labelled images; `N` neurons; `F` features of an image.

Predictions are `[M, L, N]`, never negative, and NaN for images that are not held out. A missing response (NaN) is never
filled in: neurons that were recorded on the same training images are fitted together, on those images alone. No
held-out response influences a prediction. A neuron without any training response gets what `mean_predictor` gives it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tuner.dataset.splits import Indices, Split
from tuner.seeding import seed_of

Array = npt.NDArray[np.float32]

_ALPHAS = np.logspace(-1, 7, 25)  # for standardised features; at 1e7 a neuron's mean is all that is left
_TREES = 64  # in a forest; 6 s for 5 folds of 551 images and 18 neurons on one core


class Model(Protocol):
    """A regression as scikit-learn has them."""

    def fit(self, features: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], /) -> object:
        """It has learnt to predict the targets."""
        ...

    def predict(self, features: npt.NDArray[np.float64], /) -> npt.NDArray[np.float64]:
        """One row, or with one target one number, a row of features."""
        ...


def baseline_predictions(
    images: npt.NDArray[np.uint8] | npt.NDArray[np.float32],
    responses_LN: Array,
    splits: tuple[Split, ...],
    *,
    seed: int,
) -> dict[str, Array]:
    """The predictions of every one of `BASELINES`, by name, in that order.

    Args:
        images: `[L, H, W, 3]`, the labelled ones alone.
        responses_LN: Theirs.
        splits: The networks' own.
        seed: Decides what is random; other splits leave a split's predictions as they are.
    """
    # Imported where it is used, as scikit-learn below: torch takes 1.7 s, and who only wants the means needs neither.
    from tuner.selection.features import image_features

    features_LF = image_features(images)
    return {name: baseline(features_LF, responses_LN, splits, seed) for name, baseline in BASELINES.items()}


def mean_predictor(responses_LN: Array, splits: tuple[Split, ...]) -> Array:
    """Predictions that are each neuron's mean training response, or the mean of all where it has none."""
    predictions = np.full((len(splits), *responses_LN.shape), np.nan, dtype=np.float32)
    for prediction, split in zip(predictions, splits, strict=True):
        train = responses_LN[split.train]
        count_N = np.isfinite(train).sum(axis=0)
        overall = float(np.nanmean(train)) if count_N.any() else 0.0
        prediction[split.held_out] = np.where(count_N > 0, np.nansum(train, axis=0) / np.maximum(count_N, 1), overall)
    return predictions


def ridge(features_LF: Array, responses_LN: Array, splits: tuple[Split, ...]) -> Array:
    """Predictions of ridge regression on standardised features.

    Each neuron's penalty has the lowest squared error when each training image in turn is left out (Hastie, Tibshirani,
    Friedman 2009, section 7.10).
    """
    # Imported where it is used: scikit-learn takes 1.6 s.
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def model(_: int) -> Model:
        regression: Model = make_pipeline(StandardScaler(), RidgeCV(_ALPHAS, alpha_per_target=True))
        return regression

    return _predicted(model, features_LF, responses_LN, splits, seed=0)


def extra_trees(features_LF: Array, responses_LN: Array, splits: tuple[Split, ...], *, seed: int) -> Array:
    """Predictions of extremely randomised trees (Geurts, Ernst, Wehenkel 2006), one forest a set of neurons."""
    from sklearn.ensemble import ExtraTreesRegressor  # here for the same reason

    def model(seed: int) -> Model:
        forest: Model = ExtraTreesRegressor(
            _TREES, min_samples_leaf=3, max_features=0.1, n_jobs=1, random_state=seed % 2**32
        )
        return forest

    return _predicted(model, features_LF, responses_LN, splits, seed=seed)


BASELINES: Mapping[str, Callable[[Array, Array, tuple[Split, ...], int], Array]] = MappingProxyType(
    {
        "mean predictor": lambda features, responses, splits, seed: mean_predictor(responses, splits),
        "ridge": lambda features, responses, splits, seed: ridge(features, responses, splits),
        "extra trees": lambda features, responses, splits, seed: extra_trees(features, responses, splits, seed=seed),
    }
)
"""By the name that users see: features `[L, F]`, responses `[L, N]`, splits and a seed, to predictions."""


def _predicted(
    model: Callable[[int], Model], features_LF: Array, responses_LN: Array, splits: tuple[Split, ...], *, seed: int
) -> Array:
    """Predictions of a new model, made with a seed of its own, for each split and set of neurons recorded together.

    Held-out features are clipped to the range seen in training: one that varies there by rounding alone, as colour does
    among grey images, would else decide everything.
    """
    predictions = mean_predictor(responses_LN, splits)
    wide_LF = features_LF.astype(np.float64)
    for prediction, split in zip(predictions, splits, strict=True):
        for neurons, rows in _recorded_together(responses_LN, split):
            if len(rows) < 2 or len(split.held_out) == 0:
                continue  # one response is its own mean
            train = wide_LF[rows]
            targets = responses_LN[np.ix_(rows, neurons)].astype(np.float64)
            fitted = model(seed_of(seed, "baseline", split.repeat, split.fold, int(neurons[0])))
            fitted.fit(train, targets[:, 0] if len(neurons) == 1 else targets)
            found = fitted.predict(np.clip(wide_LF[split.held_out], train.min(axis=0), train.max(axis=0)))
            prediction[np.ix_(split.held_out, neurons)] = np.maximum(found.reshape(-1, len(neurons)), 0)
    return predictions


def _recorded_together(responses_LN: Array, split: Split) -> list[tuple[Indices, Indices]]:
    """Neurons that have responses to the same training images, and the indices of these, for every such set."""
    neurons_of: dict[bytes, list[int]] = {}
    known_LN = np.isfinite(responses_LN[split.train])
    for neuron, known_L in enumerate(known_LN.T):
        neurons_of.setdefault(known_L.tobytes(), []).append(neuron)
    return [(np.array(neurons), split.train[known_LN[:, neurons[0]]]) for neurons in neurons_of.values()]
