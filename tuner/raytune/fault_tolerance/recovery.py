"""Where a trial goes on: at the newest whole checkpoint in its folder, whatever Ray knows of it."""

import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import read_seal
from tuner.errors import InputError, TunerError, UnreadableError
from tuner.folder import Folder
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import read_lineage
from tuner.raytune.assignment import Assignment, name_of
from tuner.raytune.internals import Saved, go_on_from, keep_in
from tuner.raytune.resident import Resident
from tuner.results.files import CHECKPOINT, CONFIG, FAILED_MARK, STOPPED_MARK, checkpoint_name
from tuner.results.history import CARRIED, RESULTS, TABLE, history_until, rows_in, table_until
from tuner.results.origin import ORIGIN

log = logging.getLogger(__name__)
COUNTED = ("step", "training_iteration")


@dataclass(frozen=True)
class Found:
    """A whole checkpoint.

    Attributes:
        trial: Whose folder it is in.
        number: Of its own folder.
        row: What was measured last before it.
        lines: The rows that it carries.
    """

    trial: str
    number: int
    row: dict[str, Any]
    lines: tuple[str, ...] = ()

    @property
    def before(self) -> dict[str, Any]:
        """The row that Ray is told of; of a trial that had ended that of a moment before: its last row comes again."""
        if not self.row.get("done"):
            return self.row
        return {**self.row, **{name: self.row[name] - 1 for name in COUNTED if name in self.row}, "done": False}

    @property
    def saved(self) -> Saved:
        """As Ray keeps it."""
        return Saved(self.trial, checkpoint_name(self.number), self.before)


class Recovery(Resident, tune.Callback):
    """Trials of this process that begin, or are tried again, go on where their folders say.

    Ray's snapshot may be older than the checkpoints, and a checkpoint may have been cut short: then the trial goes on
    from the one before it. `result.json` may lack rows, which Ray copies every few seconds, or hold some of steps that
    will be taken again: afterwards it holds those of the steps that were taken.

    Ray goes on as if nothing had been if this fails while it restores trials: so it is raised again before it begins.

    Args:
        experiment: The folder of the trials.

    Attributes:
        error: Why a trial could not be looked after; None if all could.
        missed: Trial to the rows that Ray's snapshot had not heard of, and that do not come again.
    """

    def __init__(self, experiment: Folder) -> None:
        self._experiment = experiment
        self.error: TunerError | None = None
        self.missed: dict[str, list[dict[str, Any]]] = {}
        self._seen: set[str] = set()
        self._held: frozenset[str] | None = None

    def complete_rows(self, trials: Iterable[str]) -> None:
        """The files of these trials hold all rows that their checkpoints carry."""
        self._experiment.each(lambda name: _complete_rows(self._experiment / name), trials)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        self.check()

    def check(self) -> None:
        """Nothing happens if all trials could be looked after.

        Raises:
            TunerError: one could not.
        """
        if self.error is not None:
            raise self.error

    def recover(self, trial: Trial) -> None:
        """The trial, which is about to begin or to go on, does so at its newest whole checkpoint.

        One without a storage has no folder.

        Raises:
            TunerError: the storage does not tell which one that is.
        """
        if trial.is_finished() or trial.storage is None:
            return
        keep_in(trial, *self._experiment.place)
        try:
            self._recover(trial)
        except TunerError as error:
            self.error = error
            raise

    def _recover(self, trial: Trial) -> None:
        told = Assignment.of(trial.config)
        if self._begins(told.name) and trial.latest_checkpoint_result is None:
            self._seen.add(told.name)
            self.missed[told.name] = []
            go_on_from(trial, told.name, [], -1)
            return
        folder, numbers = self._experiment / told.name, _numbers(self._experiment / told.name)
        found = _newest(folder, told, numbers) or self._of_another(trial)
        last = found.number if found and found.trial == told.name else -1 if found is None else max(numbers, default=-1)
        for number in numbers:
            if number > last:  # of steps that will be taken again
                folder.remove(checkpoint_name(number))
        own = found.number if found and found.trial == told.name else None
        kept = [Found(told.name, number, {}).saved for number in numbers if number <= last and number != own]
        go_on_from(trial, told.name, [*kept, *([found.saved] if found else [])], last)
        if numbers or found:
            log.info("%s goes on from step %s", folder.uri, found.before["step"] if found else 0)
        if told.name not in self._seen:
            self._seen.add(told.name)
            heard = (trial.last_result or {}).get("step", 0)
            rows = rows_in(found.lines) if found else ()
            self.missed[told.name] = [
                row for row in rows if heard < row["step"] <= (found.before["step"] if found else 0)
            ]
            _mend_rows(folder, found)
            for mark in (FAILED_MARK, STOPPED_MARK):  # Ray has not heard of that end, and goes on
                folder.remove(mark)

    def _begins(self, name: str) -> bool:
        """Whether the trial has never run: in this process, or by what was in its folder when the first one was begun.

        One listing of all folders, since to look into each takes a dozen requests to the storage.
        """
        if self._held is None:
            paths = (PurePosixPath(path) for path in self._experiment.sizes())
            self._held = frozenset(path.parts[0] for path in paths if path.name not in (CONFIG, ORIGIN))
        return name not in self._seen and name not in self._held

    def _of_another(self, trial: Trial) -> Found | None:
        """The checkpoint with which a population's member is to go on; Ray may know an old path of it."""
        known: Any = trial.latest_checkpoint_result
        if known is None:
            return None
        *_, donor, name = PurePosixPath(known.checkpoint.path).parts
        if donor == name_of(trial.config) or not name.startswith(CHECKPOINT):
            return None
        try:
            _read(self._experiment / donor / name)
        except UnreadableError:
            raise
        except InputError as error:
            log.warning("%s; %s begins anew", error, name_of(trial.config))
            return None
        return Found(donor, int(name.removeprefix(CHECKPOINT)), known.metrics)


def _numbers(folder: Folder) -> list[int]:
    """Of the checkpoints in a trial's folder."""
    names = (name.removeprefix(CHECKPOINT) for name in folder.folders() if name.startswith(CHECKPOINT))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _newest(folder: Folder, told: Assignment, numbers: list[int]) -> Found | None:
    """The newest checkpoint that the trial can go on from."""
    for number in reversed(numbers):
        place = folder / checkpoint_name(number)
        try:
            files = _read(place)
            lineage = read_lineage(files[LINEAGE].decode(), place.uri) if LINEAGE in files else ()
        except UnreadableError:
            raise
        except InputError as error:
            log.warning("%s; the one before it is gone on from", error)
            continue
        lines = tuple(files.get(CARRIED, b"").decode(errors="replace").splitlines())
        rows = rows_in(lines)
        if rows and told.made(lineage):
            return Found(told.name, number, rows[-1], lines)
    return None


def _read(place: Folder) -> dict[str, bytes]:
    """The files of a checkpoint.

    Raises:
        InputError: it is not whole.
        UnreadableError: the storage does not tell.
    """
    return read_seal(place.read(SEAL), place.uri).unsealed(place.read_bytes, place.uri)


def _complete_rows(folder: Folder) -> None:
    """The rows that the newest checkpoint carries are there; its weights are not looked at."""
    for number in _numbers(folder)[-1:]:
        place = folder / checkpoint_name(number)
        try:
            carried = read_seal(place.read(SEAL), place.uri).only(CARRIED).unsealed(place.read_bytes, place.uri)
        except InputError:
            return
        history = folder.read(RESULTS)
        lines = carried[CARRIED].decode(errors="replace")
        _write_rows(folder, history, history_until(lines, sys.maxsize, history.splitlines()))


def _mend_rows(folder: Folder, found: Found | None) -> None:
    history = folder.read(RESULTS)
    mended = history_until(history, found.before["step"] if found else 0, found.lines if found else ())
    _write_rows(folder, history, mended)


def _write_rows(folder: Folder, history: str, mended: str) -> None:
    """Both files hold the mended history; Ray may have copied one of them and not the other."""
    table = folder.read(TABLE)
    if (made := table_until(table, mended)) != table:
        folder.write(TABLE, made)
    if mended != history:
        folder.write(RESULTS, mended)
