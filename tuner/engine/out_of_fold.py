"""What a trial predicted for images that its networks were not trained on.

Axes: `T` evaluations, `R` repeats, `L` labelled images, `N` neurons.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tuner.dataset.splits import Split
from tuner.errors import InputError, clause
from tuner.npy import read_npz

FILE = "out_of_fold.npz"
KEPT_BYTES = 2**26
"""Of predictions; beyond that, the evaluations farthest from the best one are left out."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Held-out predictions along a trial's curve: each by the one network of a repeat that did not see the image.

    Attributes:
        steps: `[T]`, ascending.
        predictions: `[T, R, L, N]` float32; NaN where the repeat holds the image out nowhere.
        folds: `[R, L]`, which fold holds the image out; -1 where none does.
    """

    steps: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.float32]
    folds: npt.NDArray[np.int64]

    def at(self, step: int) -> npt.NDArray[np.float32]:
        """Predictions `[R, L, N]` at a step that was kept."""
        found: npt.NDArray[np.float32] = self.predictions[int(np.searchsorted(self.steps, step))]
        return found

    def of_repeats(self, count: int) -> "OutOfFold":
        """The curve of the first repeats alone."""
        return OutOfFold(self.steps, self.predictions[:, :count], self.folds[:count])

    def until(self, step: int) -> "OutOfFold":
        """The curve up to a step."""
        kept = self.steps <= step
        return self if kept.all() else OutOfFold(self.steps[kept], self.predictions[kept], self.folds)

    def with_evaluation(
        self, step: int, predictions_MLN: npt.NDArray[np.float32], splits: tuple[Split, ...], best_step: int | None
    ) -> "OutOfFold":
        """The curve with one evaluation more, thinned out to `KEPT_BYTES` around the best step (the first, if None)."""
        added = gathered(predictions_MLN, splits)
        steps = np.append(self.steps, step)
        predictions = np.concatenate([self.predictions, added[None]])
        room = max(1, KEPT_BYTES // added.nbytes)
        best = 0 if best_step is None else int(np.searchsorted(steps, best_step))
        kept = np.sort(np.argsort(abs(np.arange(len(steps)) - best), kind="stable")[:room])
        return OutOfFold(steps[kept], predictions[kept], self.folds)

    def dump(self) -> bytes:
        """A `.npz` file that `read_out_of_fold` reads."""
        file = io.BytesIO()
        np.savez(file, steps=self.steps, predictions=self.predictions, folds=self.folds)
        return file.getvalue()


def no_evaluations(splits: tuple[Split, ...], num_labelled: int, num_neurons: int) -> OutOfFold:
    """The curve of a trial that was not evaluated yet."""
    repeats = 1 + max(split.repeat for split in splits)
    folds = np.full((repeats, num_labelled), -1, dtype=np.int64)
    for split in splits:
        folds[split.repeat, split.held_out] = split.fold
    nothing = np.empty((0, repeats, num_labelled, num_neurons), dtype=np.float32)
    return OutOfFold(np.empty(0, dtype=np.int64), nothing, folds)


def gathered(predictions_MLN: npt.NDArray[np.float32], splits: tuple[Split, ...]) -> npt.NDArray[np.float32]:
    """The same predictions as `[R, L, N]`: each repeat's folds side by side."""
    repeats = 1 + max(split.repeat for split in splits)
    together = np.full((repeats, *predictions_MLN.shape[1:]), np.nan, dtype=np.float32)
    for predictions_LN, split in zip(predictions_MLN, splits, strict=True):
        together[split.repeat, split.held_out] = predictions_LN[split.held_out]
    return together


def read_out_of_fold(content: bytes, place: str) -> OutOfFold:
    """The curve in the content of a `.npz` file at `place`; objects in it are refused, not unpickled.

    Raises:
        InputError: it is not whole.
    """
    try:
        arrays = read_npz(content)
        found = OutOfFold(arrays["steps"], arrays["predictions"], arrays["folds"])
    except (ValueError, KeyError) as error:
        raise InputError(f"{place} is not a whole file of held-out predictions: {clause(error)}") from None
    if not _fits(found):
        raise InputError(f"{place} holds arrays of another shape or type")
    return found


def _fits(found: OutOfFold) -> bool:
    steps, predictions, folds = found.steps, found.predictions, found.folds
    return (
        steps.dtype == np.int64
        and predictions.dtype == np.float32
        and (steps.ndim, predictions.ndim) == (1, 4)
        and len(steps) == len(predictions)
        and folds.shape == predictions.shape[1:3]
        and bool((np.diff(steps) > 0).all())
        and are_folds(folds)
        and not np.isinf(predictions).any()
    )


def are_folds(folds_RL: npt.NDArray[Any]) -> bool:
    """Whether these are numbers of folds: fewer than there are images."""
    return folds_RL.dtype == np.int64 and bool(((folds_RL >= -1) & (folds_RL < folds_RL.shape[-1])).all())


def joined(parts: tuple[OutOfFold, ...]) -> OutOfFold:
    """Repeats of several trials of one variant as one curve, of the steps at which all of them were evaluated."""
    steps = parts[0].steps
    for part in parts[1:]:
        steps = np.intersect1d(steps, part.steps)
    predictions = [part.predictions[np.isin(part.steps, steps)] for part in parts]
    return OutOfFold(steps, np.concatenate(predictions, axis=1), np.concatenate([part.folds for part in parts]))
