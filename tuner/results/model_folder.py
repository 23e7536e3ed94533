"""The folder of one trained model: a trial's, or that of `tuner.train`."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.config import Config, dump_config, load_config
from tuner.engine.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tuner.errors import InputError
from tuner.lineage import Lineage, holder, until
from tuner.results.files import CHECKPOINT, CONFIG, checkpoint_name
from tuner.results.history import RESULTS, history_until
from tuner.results.origin import ORIGIN, Origin, read_origin
from tuner.results.record import Measurement, read_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFolder:
    """`config.yaml`, `result.json` with one evaluation a line, and `checkpoint_<number of the evaluation>/`."""

    path: Path

    @property
    def begun(self) -> bool:
        """Whether a model was trained here before."""
        return (self.path / CONFIG).is_file()

    def begin(self, config: Config, origin: Origin) -> None:
        """The folder holds the config and the origin.

        Raises:
            InputError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name, text in ((ORIGIN, origin.dump()), (CONFIG, dump_config(config))):
                partial = self.path / f"{name}.partial"
                partial.write_text(text)
                partial.replace(self.path / name)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror or error}") from None

    def origin(self) -> Origin:
        """What the model is trained on.

        Raises:
            InputError: nothing tells.
        """
        file = self.path / ORIGIN
        return read_origin(file.read_text(errors="replace") if file.is_file() else "", str(self.path))

    def config(self) -> Config:
        """The config that the model is trained with.

        Raises:
            InputError: there is none.
        """
        if not self.begun:
            raise InputError(f"{self.path} is not a model's folder: it has no {CONFIG}")
        return load_config(self.path / CONFIG)

    def config_at(self, lineage: Lineage, step: int) -> Config:
        """The config that networks of this lineage had at a step; that of the folder, if the lineage is empty.

        Raises:
            InputError: there is none.
        """
        return until(lineage, step)[-1].config if lineage else self.config()

    def measurement_at(self, lineage: Lineage, step: int) -> Measurement | None:
        """What networks of this lineage measured at a step; None if nothing tells.

        In a population they may have been another member's then, whose folder is beside this one.
        """
        rows = self.measurements()
        donor = holder(lineage, step) if any(row.descent for row in rows) else ""
        found = ModelFolder(self.path.parent / donor).measurements() if donor else rows
        return next((row for row in found if row.step == step), None)

    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured so far."""
        results = self.path / RESULTS
        return read_rows(results.read_text(errors="replace")) if results.is_file() else ()

    def keep_rows(self, up_to_step: int) -> None:
        """`result.json` ends with this step; a crash can leave evaluations of steps that will be taken again."""
        results = self.path / RESULTS
        text = results.read_text(errors="replace") if results.is_file() else ""
        partial = results.with_name(RESULTS + ".partial")
        partial.write_text(history_until(text, up_to_step))
        partial.replace(results)

    def add_row(self, row: dict[str, Any]) -> None:
        """`result.json` has one line more."""
        with (self.path / RESULTS).open("a") as file:
            file.write(json.dumps(row) + "\n")

    def save(self, checkpoint: Checkpoint, number: int) -> None:
        """The checkpoint of the evaluation with this number is on disk."""
        folder = self._checkpoint_folder(number)
        folder.mkdir(exist_ok=True)
        write_checkpoint(folder, checkpoint)

    def prune(self, numbers: set[int]) -> None:
        """Of the checkpoints only those with these numbers are left."""
        keep = {self._checkpoint_folder(number) for number in numbers}
        for folder in self._folders():
            if folder not in keep:
                shutil.rmtree(folder)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All whole checkpoints, oldest first."""
        found = []
        for folder in self._folders():
            try:
                found.append(read_checkpoint(folder))
            except InputError as error:  # cut short by a crash; the one before it is whole
                log.warning("%s; it is passed over", error)
        return tuple(sorted(found, key=lambda checkpoint: checkpoint.step))

    def _folders(self) -> list[Path]:
        return sorted(folder for folder in self.path.glob(f"{CHECKPOINT}*") if folder.is_dir())

    def _checkpoint_folder(self, number: int) -> Path:
        return self.path / checkpoint_name(number)


def checkpoints_to_keep(measurements: tuple[Measurement, ...], last: int, best: int) -> set[int]:
    """Numbers of the evaluations, counted from 0, that are among the `last` ones or the `best` ones by RMSE."""
    numbers = range(len(measurements))
    finite = [number for number in numbers if measurements[number].rmse == measurements[number].rmse]
    by_rmse = sorted(finite, key=lambda number: measurements[number].rmse)
    return {*numbers[max(0, len(numbers) - last) :], *by_rmse[:best]}
