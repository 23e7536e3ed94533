"""The trainable that every search and scheduler shares."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ray import tune

from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import halves, make_splits
from tuner.engine.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tuner.engine.lineage_pack import LineagePack
from tuner.engine.loop import Report
from tuner.engine.metrics import pooled_rmse
from tuner.engine.pack import Pack
from tuner.engine.plan import Plan
from tuner.engine.process import own_process
from tuner.engine.training import Training
from tuner.raytune.assignment import Assignment
from tuner.raytune.fault_tolerance.carried import rows_carried
from tuner.results.history import CARRIED, history_until
from tuner.results.record import DESCENT, FITNESS, Descent, row_of

TOOK = "time_this_iter_s"
"""Ray's name of the seconds of a step."""


class ConvTrial(tune.Trainable):
    """Evaluates one variant: a training iteration is one evaluation interval of its pack.

    Its config is that of an `Assignment`. In a population, the checkpoint that it goes on from may be another trial's:
    then its own lineage goes on where that of the checkpoint ends.

    A checkpoint carries all rows of its trial: files that the driver writes may be behind it. A trial that had ended
    when a run was interrupted tells its last row again.
    """

    _dataset: Dataset
    _aside: npt.NDArray[np.bool_] | None
    _training: Training
    _reports: Iterator[Report]
    _rows: list[str]
    _row_is_new: bool
    _last: dict[str, Any] | None

    def setup(  # type: ignore[override]  # Ray hands over what `tune.with_parameters` was given
        self, config: dict[str, Any], dataset: Dataset, threads: int, gpu: float
    ) -> None:
        """The actor is ready for its first trial.

        Args:
            config: See the class.
            dataset: Shared through Ray's object store.
            threads: That training may use.
            gpu: The part of one that it may use.
        """
        self._dataset = dataset
        self._device = own_process(threads, gpu=gpu)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The actor is ready for another trial."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One evaluation interval."""
        if self._last is not None:
            return {**self._last, TOOK: 0.0}  # which the total holds
        before, begun = self._pack.inheritance, time.monotonic()
        report = next(self._reports)
        self._row_is_new = True
        row = {**row_of(report, self._dataset.neurons), "macs": self._macs, "done": report.ending is not None}
        row[TOOK] = time.monotonic() - begun  # else Ray asks a clock that may jump
        if self._aside is not None:
            rmse, _ = pooled_rmse(report.predictions[:, self._aside], self._dataset.responses[self._aside])
            row[FITNESS] = rmse if math.isfinite(rmse) else math.inf
            row[DESCENT] = self._descent(self._pack.inheritance is not before)
        return row

    def _descent(self, just_begun: bool) -> dict[str, Any]:
        phase, inherited = self._pack.phase, str(self._pack.inheritance) if just_begun else ""
        return {**vars(Descent(phase.step, phase.donor, phase.mutations, inherited)), "mutations": [*phase.mutations]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The folder holds what this trial goes on from; Ray then copies it to the storage, and deletes it."""
        if self._row_is_new:
            assert self._last_result is not None, "a step comes before"
            row = {name: value for name, value in self._last_result.items() if name != "config"}
            self._rows.append(json.dumps(row, default=str))
            self._row_is_new = False
        rows = "".join(f"{row}\n" for row in self._rows).encode()
        write_checkpoint(Path(checkpoint_dir), self._training.checkpoint(), beside={CARRIED: rows}, durable=False)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """The trial goes on from the folder."""
        folder, told = Path(str(checkpoint)), Assignment.of(self.config)
        found = read_checkpoint(folder)
        self._begin(self.config, found)
        own = told.made(found.lineage)
        lines = (folder / CARRIED).read_text() if own else rows_carried(self._storage)
        self._rows = history_until(lines, found.step).splitlines()
        last = json.loads(self._rows[-1]) if own and self._rows else {}
        self._last = last if last.get("done") else None

    def _begin(self, config: dict[str, Any], checkpoint: Checkpoint | None = None) -> None:
        told, labelled = Assignment.of(config), len(self._dataset.labelled)
        in_population = told.fitness_seed is not None
        splits = make_splits(told.config.data, labelled, "" if in_population else told.name)
        self._macs = cost_of(told.config.model, len(self._dataset.neurons)).macs
        self._aside = halves(splits, labelled, told.fitness_seed) if told.fitness_seed is not None else None

        def make(current: Config) -> Pack:
            plan = Plan(told.together) if told.together is not None else None
            return Pack(current, self._dataset, splits, seed=told.seed, device=self._device, plan=plan)

        self._pack = LineagePack(told.lineage, splits, make)
        self._training = Training(
            self._pack, self._dataset.responses, checkpoint, aside_L=self._aside, to_the_end=told.to_the_end
        )
        self._reports = self._training.reports()
        self._rows, self._row_is_new, self._last = list[str](), False, None
