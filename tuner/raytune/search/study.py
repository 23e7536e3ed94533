"""An experiment's study: Optuna's log of what was suggested and measured, a file that survives its writer."""

import json
import tempfile
from pathlib import Path

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages.journal import JournalFileBackend, JournalStorage

from tuner.folder import Folder
from tuner.results.strategy import Sampler

FILE = "study.log"
STARTUP = 10


class StudyFile:
    """The study's file in an experiment's folder; where that is elsewhere, a copy on this machine.

    What a crash left of a last line, and of a lock, is removed: this process is the only one that writes.

    Args:
        folder: The experiment's.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.path = folder.local / FILE if folder.local else Path(tempfile.mkdtemp(), FILE)
        self.path.write_bytes(whole_lines(folder.read_bytes(FILE)))
        Path(f"{self.path}.lock").unlink(missing_ok=True)

    def storage(self) -> JournalStorage:
        """Optuna's storage in the file; its messages go to Python's log."""
        optuna.logging.disable_default_handler()
        optuna.logging.enable_propagation()
        return JournalStorage(JournalFileBackend(str(self.path)))

    def keep(self) -> None:
        """The experiment's folder holds what the file holds."""
        if self._folder.local is None:
            self._folder.write(FILE, self.path.read_bytes())


def whole_lines(content: bytes) -> bytes:
    """The lines up to the first that is not whole."""
    kept = list[bytes]()
    for line in content.splitlines(keepends=True):
        try:
            json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        kept.append(line)
    return b"".join(kept)


def sampler_of(name: Sampler | None, seed: int, samples: int) -> BaseSampler:
    """Optuna's sampler; None is one that learns nothing.

    Made anew for each suggestion, with a seed of its own: what it has learnt is in the study, and a run that goes on
    does not draw again what it drew first. Of a few samples it spends a quarter, not ten, on learning nothing yet. GP
    and CMA-ES draw what they cannot learn of, choices and what hangs on them, independently and without a word.

    Args:
        name: Which.
        seed: At least 0.
        samples: That there will be.
    """
    seed %= 2**32
    startup = max(1, min(STARTUP, samples // 4))
    if name == "tpe":
        return TPESampler(seed=seed, n_startup_trials=startup)
    if name == "gp":
        return GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
    if name == "cmaes":
        return CmaEsSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)
    if name == "nsga2":
        return NSGAIISampler(seed=seed, population_size=max(2, min(50, samples // 3)))
    return RandomSampler(seed=seed)
