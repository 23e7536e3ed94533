"""The training loop as a sequence of reports; what is done with them is the caller's business."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tuner.engine.lineage_pack import LineagePack
from tuner.engine.metrics import Accuracy, accuracy
from tuner.engine.pack import Pack
from tuner.engine.stopping import Patience, improve

Ending = Literal["no_improvement", "max_steps", "diverged"]


@dataclass(frozen=True, eq=False)
class Report:
    """What one evaluation found.

    Attributes:
        step: Training steps taken so far.
        train_rmse: Root of the mean training loss since the last evaluation, distortions and dropout included.
        predictions: `[M, L, N]`, held out; NaN for other images, and everywhere once a replicate diverged, since the
            others predict fewer images.
        accuracy: Of these.
        patience: After this evaluation.
        ending: Why training ends here; None if it goes on.
    """

    step: int
    train_rmse: float
    predictions: npt.NDArray[np.float32]
    accuracy: Accuracy
    patience: Patience
    ending: Ending | None

    @property
    def improved(self) -> bool:
        """Whether this is the best evaluation so far."""
        return self.patience.waited == 0


def train(
    pack: Pack | LineagePack, responses_LN: npt.NDArray[np.float32], patience: Patience, *, to_the_end: bool = False
) -> Iterator[Report]:
    """Trains the pack, one evaluation interval a report, until nothing more is to be gained.

    Args:
        pack: New or restored.
        responses_LN: `[L, N]`, what its predictions are held to.
        patience: The one of the last report, or a new one.
        to_the_end: Whether training goes on to `max_steps` even where a replicate diverged.
    """
    training = pack.config.training
    ending: Ending | None = None
    while ending is None:
        losses = pack.train(min(training.eval_steps, training.max_steps - pack.step))
        predictions = pack.evaluate()
        if pack.diverged:
            predictions[:] = np.nan
        found = accuracy(predictions, responses_LN)
        patience = improve(patience, found.rmse)
        ending = _ending(pack, patience, to_the_end)
        yield Report(pack.step, math.sqrt(losses.mean()), predictions, found, patience, ending)


def _ending(pack: Pack | LineagePack, patience: Patience, to_the_end: bool) -> Ending | None:
    if pack.diverged and not to_the_end:
        return "diverged"
    if patience.exhausted:
        return "no_improvement"
    return "max_steps" if pack.step >= pack.config.training.max_steps else None
