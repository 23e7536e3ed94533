"""A pack in training, with the best that it had: what a trial does between two checkpoints."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tuner.engine.checkpoint import Checkpoint, Weights
from tuner.engine.lineage_pack import LineagePack
from tuner.engine.loop import Report, train
from tuner.engine.out_of_fold import no_evaluations
from tuner.engine.pack import Pack
from tuner.engine.stopping import WITHOUT_END, Patience


class Training:
    """Goes on where a checkpoint left off, or begins.

    Args:
        pack: A new pack of the trial's config, or lineage.
        responses_LN: `[L, N]`, what its predictions are held to.
        checkpoint: Where to go on; None begins.
        aside_L: Labelled images that are held out, but have no part in what is told of the networks; None is none.
        to_the_end: Whether training goes on to `max_steps`, whatever is measured.
    """

    def __init__(
        self,
        pack: Pack | LineagePack,
        responses_LN: npt.NDArray[np.float32],
        checkpoint: Checkpoint | None = None,
        *,
        aside_L: npt.NDArray[np.bool_] | None = None,
        to_the_end: bool = False,
    ) -> None:
        self.pack, self._splits = pack, pack.splits
        if aside_L is not None:
            responses_LN = np.where(aside_L[:, None], np.float32(np.nan), responses_LN)
            self._splits = tuple(
                replace(split, held_out=split.held_out[~aside_L[split.held_out]]) for split in pack.splits
            )
        self._responses = responses_LN
        self._patience = Patience(WITHOUT_END if to_the_end else pack.config.training.early_stopping_evals)
        self._to_the_end = to_the_end
        self._best_step: int | None = None
        self._best_weights: Weights | None = {}  # None while they are the current ones, and not asked for
        self._out_of_fold = no_evaluations(self._splits, *responses_LN.shape)
        if checkpoint is not None:
            pack.load_state(checkpoint.pack)
            self._patience = replace(checkpoint.patience, limit=self._patience.limit)
            self._best_step, self._best_weights = checkpoint.best_step, checkpoint.best_weights
            self._out_of_fold = checkpoint.out_of_fold

    def reports(self) -> Iterator[Report]:
        """One report an evaluation, until training ends."""
        for report in train(self.pack, self._responses, self._patience, to_the_end=self._to_the_end):
            self._patience = report.patience
            if report.improved:
                self._best_step, self._best_weights = report.step, None
            self._out_of_fold = self._out_of_fold.with_evaluation(
                report.step, report.predictions, self._splits, self._best_step
            )
            yield report
            if self._best_weights is None:
                self._best_weights = self.pack.weights()

    def checkpoint(self) -> Checkpoint:
        """What to go on from after the last report, to be written before training goes on: it is not a copy.

        Where the last report is the best one, it holds the weights once.
        """
        state = self.pack.state(copy=False)
        if self._best_weights is None:
            self._best_weights = self.pack.weights()
        if self._best_step == self.pack.step:
            for name, weights in self._best_weights.items():
                state["replicates"][name]["net"] = weights
        return Checkpoint(
            state, self._patience, self._best_step, self._best_weights, self._out_of_fold, self.pack.lineage
        )
