"""A pack whose config changes on the way, as a lineage says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tuner.config import Config
from tuner.dataset.splits import Split
from tuner.engine.pack import Pack
from tuner.lineage import Lineage, Phase
from tuner.mutation.inherit import Inheritance


class LineagePack:
    """Goes from phase to phase; the networks of each inherit from those of the one before.

    Args:
        lineage: The phases.
        splits: One a replicate.
        make: A new pack with a phase's config, of these splits; it takes a while, and is called once it is needed.
    """

    def __init__(self, lineage: Lineage, splits: tuple[Split, ...], make: Callable[[Config], Pack]) -> None:
        self.lineage, self.splits, self._make = lineage, splits, make
        self._number = 0
        self._made: Pack | None = None
        self.inheritance: Inheritance | None = None

    @property
    def config(self) -> Config:
        """Of the phase that the networks are in."""
        return self.phase.config

    @property
    def phase(self) -> Phase:
        """The one that the networks are in."""
        return self.lineage[self._number]

    @property
    def step(self) -> int:
        """Training steps taken in all phases."""
        return self._pack.step

    @property
    def diverged(self) -> bool:
        """See `Pack`."""
        return self._pack.diverged

    def train(self, steps: int) -> npt.NDArray[np.float64]:
        """See `Pack`; a phase begins with the first of its steps."""
        last, losses = self.step + steps, np.zeros(len(self.splits))
        while self.step < last:
            while (phase := self._next) is not None and phase.step <= self.step:
                self._begin(phase)
            end = last if phase is None else min(last, phase.step)
            taken = end - self.step
            losses += self._pack.train(taken) * taken / steps
        return losses

    def evaluate(self) -> npt.NDArray[np.float32]:
        """See `Pack`."""
        return self._pack.evaluate()

    def state(self, *, copy: bool = True) -> dict[str, Any]:
        """See `Pack`."""
        return {**self._pack.state(copy=copy), "phase": self._number}

    def load_state(self, state: dict[str, Any]) -> None:
        """See `Pack`; the lineage may be one that goes on where that of the state ends."""
        if state["phase"] != self._number:
            self._number, self._made = state["phase"], None
        self._pack.load_state(state)

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """See `Pack`."""
        return self._pack.weights()

    @property
    def _pack(self) -> Pack:
        if self._made is None:
            self._made = self._make(self.phase.config)
        return self._made

    @property
    def _next(self) -> Phase | None:
        return self.lineage[self._number + 1] if self._number + 1 < len(self.lineage) else None

    def _begin(self, phase: Phase) -> None:
        state, model = self._pack.state(), self.config.model
        self._made = None  # frees its memory before the next one needs it
        self._number += 1
        self.inheritance = self._pack.inherit(state, model)
