"""Ray Tune's snapshot of an experiment as one file, which is whole or not there."""

import io
import json
import logging
import re
import time
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from ray import tune
from ray.tune.experiment import Trial

from tuner.folder import Folder
from tuner.raytune.resident import Resident
from tuner.results.history import RESULTS, TABLE

FILE, TUNER = "snapshot.zip", "tuner.pkl"
STATE = re.compile(r"(?:experiment_state|basic-variant-state|search_gen_state|callback-states)-([\w-]+)\.(?:json|pkl)")
EXPERIMENT_STATE = "experiment_state-*.json"
CLOCK_TICK_NS = 1_000_000_000
"""File systems tell times no finer than this, or finer by far."""
log = logging.getLogger(__name__)


class Snapshot(Resident, tune.Callback):
    """Keeps Ray's snapshot whenever Ray has written one.

    Ray copies its files to the storage one by one, over those that are there: a crash leaves some of them old, or cut
    short. So they are taken from the place where Ray writes them first, between two steps of its loop, when they are
    of one moment; and only they are restored from. Ray takes the one whose name has the latest date, which is another
    one if the clock was set back.

    Args:
        experiment: The folder of the trials.
    """

    def __init__(self, experiment: Folder) -> None:
        self._experiment = experiment
        self._staged: Path | None = None
        self._restored = False
        self._before: dict[str, int] = {}
        self._listed: tuple[int, list[Path]] = 0, []
        self._kept: tuple[str, int] | None = None

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Ray's hook."""
        if trials and self._staged is None:
            storage = trials[0].storage
            assert storage is not None, "Ray has made the trial"
            self._staged = Path(storage.experiment_driver_staging_path)
            _forget_what_the_storage_has(self._staged)
            if self._restored:  # these are of runs before, which may have had the same place
                self._before = {path.name: path.stat().st_mtime_ns for path in self._states()}
        self.keep()

    def keep(self) -> None:
        """The experiment's folder holds what Ray has written last."""
        own = [path for path in self._states() if self._before.get(path.name) != path.stat().st_mtime_ns]
        if not own or (newest := (own[0].name, own[0].stat().st_mtime_ns)) == self._kept:
            return
        session = STATE.sub(r"\1", own[0].name)
        states = {path: STATE.fullmatch(path.name) for path in own[0].parent.iterdir()}
        written = [path for path, state in states.items() if state and state[1] == session]
        parts = {path.name: path.read_bytes() for path in written}
        last = min(path.stat().st_mtime_ns for path in written) == own[0].stat().st_mtime_ns
        if last and is_json(parts[own[0].name]):  # it is written first; else Ray was cut short, by a full disk
            self._experiment.write(FILE, _packed({TUNER: self._experiment.read_bytes(TUNER), **parts}))
        self._kept = newest

    def _states(self) -> list[Path]:
        """Those of Ray's; the folder, which has one more for each trial, is listed only if something is new in it."""
        if self._staged is None:
            return []
        changed, states = self._staged.stat().st_mtime_ns, self._listed[1]
        if changed != self._listed[0]:
            states = list(self._staged.glob(EXPERIMENT_STATE))
            is_over = time.time_ns() - changed > CLOCK_TICK_NS  # else a file may come at what is the same time
            self._listed = changed if is_over else 0, states
        return states

    def restore(self) -> bool:
        """Whether there is a snapshot; then its files are in the experiment's folder, where Ray restores from them.

        Without one Ray has begun nothing; with one that is damaged all trials that have not ended begin again, from
        their checkpoints.
        """
        folder = self._experiment
        self.forget()
        files = {name: part for name, part in _unpacked(folder).items() if name == TUNER or STATE.fullmatch(name)}
        for name, part in files.items():
            folder.write(name, part)
        self._restored = bool(files)
        return self._restored

    def forget(self) -> None:
        """Ray finds no files of its own in the experiment's folder; the snapshot stays until there is another."""
        self._restored = False
        for name in self._experiment.files():
            if name == TUNER or STATE.fullmatch(name):
                self._experiment.remove(name)


def _forget_what_the_storage_has(staged: Path) -> None:
    """Nothing is left in the place where Ray writes first that it would put over what is newer in the storage.

    It fetches the lock and the verdict beside its own files; and in a cluster that outlives a driver, what that one had
    written of its trials is still there.
    """
    for path in staged.glob("*.json"):
        if not STATE.fullmatch(path.name):
            path.unlink()
    for name in (RESULTS, TABLE):
        for path in staged.glob(f"*/{name}"):
            path.unlink()


def is_json(content: bytes) -> bool:
    """Whether the content is whole."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _unpacked(folder: Folder) -> dict[str, bytes]:
    """The files of the snapshot in a folder; none if there is no whole one."""
    content = folder.read_bytes(FILE)
    try:
        with ZipFile(io.BytesIO(content)) as file:
            return {name: file.read(name) for name in file.namelist()}
    except (BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, zlib.error) as error:
        if content:
            log.warning("%s/%s is damaged (%s): trials begin again, from their checkpoints", folder.uri, FILE, error)
        return {}


def _packed(parts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w") as file:
        for name, content in parts.items():
            file.writestr(ZipInfo(name), content)  # of no date: a clock may be before 1980, which the format is not
    return packed.getvalue()
