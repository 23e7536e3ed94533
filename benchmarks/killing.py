"""An experiment that is run by `python -m tuner run`, killed, and gone on with.

Real processes, killed by pid with SIGKILL. What a trial has come to is read from the checkpoints in its folder.
"""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from tuner.dataset.simulate import simulate, write
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import read_seal
from tuner.errors import InputError
from tuner.results.history import CARRIED

POLL_S = 0.02
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
UNSTABLE = ("seconds",)
"""Columns of the leaderboard that are another time's."""


@dataclass
class Killed:
    """An experiment under attack.

    Attributes:
        folder: The user's, with `config.yaml`, `mutations.yaml` and the data in `recording/`.
        options: Of `tuner run`, besides those that name these files.
        environment: Variables of the driver's environment, besides ours.
        process: The driver; None before the first start.
        starts: How often it was started.
    """

    folder: Path
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    starts: int = field(default=0)

    @property
    def results(self) -> Path:
        """The experiment's folder, in `ray_results/` or at a URI."""
        return self.folder / "ray_results" / "group" / "name"

    @property
    def marks(self) -> Path:
        """Where injected faults leave their marks."""
        return self.folder / "marks"

    @property
    def command(self) -> list[str]:
        """What begins it."""
        files = ("--config", "config.yaml", "--mutations", "mutations.yaml", "--data", "recording")
        return [sys.executable, "-m", "tuner", "run", "-g", "group", "-n", "name", *files, *self.options]

    def start(self) -> None:
        """The driver runs: a new one, or one that goes on."""
        assert self.process is None or self.process.poll() is not None
        more = ["--resume"] if (self.results / "manifest.yaml").is_file() else []
        with (self.folder / f"output-{self.starts}.txt").open("w") as output:
            self.process = subprocess.Popen(
                [*self.command, *more],
                cwd=self.folder,
                env={**os.environ, **ENVIRONMENT, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.starts += 1

    @property
    def said(self) -> str:
        """What the driver that runs, or ran last, has said."""
        return (self.folder / f"output-{self.starts - 1}.txt").read_text()

    @property
    def alive(self) -> bool:
        """Whether the driver runs."""
        return self.process is not None and self.process.poll() is None

    def wait_for(self, moment: Callable[[], bool], timeout_s: float = 120) -> bool:
        """Whether the moment came while the driver ran."""
        deadline = time.monotonic() + timeout_s
        while self.alive and time.monotonic() < deadline:
            if moment():
                return True
            time.sleep(POLL_S)
        return False

    def end(self, timeout_s: float = 300) -> int:
        """The exit code of the driver, which is left alone."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def kill_driver(self) -> None:
        """The driver is dead, and was alive before; what it had started notices in a few seconds."""
        assert self.process is not None
        assert self.process.poll() is None, "it had ended by itself"
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait(30) == -signal.SIGKILL

    def kill_trial(self) -> bool:
        """Whether a process that trains a trial was found; then it is dead."""
        assert self.process is not None
        for process in trained_below(self, self.process.pid).values():
            with suppress(psutil.NoSuchProcess):
                process.kill()
                process.wait(30)
                return True
        return False

    def progress(self) -> dict[str, int]:
        """Trial to the step of its newest whole checkpoint, also of the finals."""
        return {trial: step for trial, (step, *_) in self._newest().items()}

    def pids(self) -> dict[str, int]:
        """Trial that has not ended to the process that has written its newest whole checkpoint, which may be dead."""
        return {trial: pid for trial, (_, done, pid) in self._newest().items() if not done}

    def _newest(self) -> dict[str, tuple[int, bool, int]]:
        found: dict[str, tuple[int, bool, int]] = {}
        places = (Path(place) for place, _, files in os.walk(self.results) if SEAL in files)  # some vanish meanwhile
        for place in places:
            trial = str(place.parent.relative_to(self.results))
            try:
                step = read_seal((place / SEAL).read_text(), str(place)).step
                row = json.loads((place / CARRIED).read_text().splitlines()[-1])
            except (InputError, OSError, ValueError, IndexError):  # it is being copied, in no order
                continue
            found[trial] = max(found.get(trial, (0, False, 0)), (step, bool(row["done"]), int(row["pid"])))
        return found

    def gone_on_from(self) -> list[tuple[str, int]]:
        """Trials and the steps that they went on from, in order, by the experiment's log."""
        log, start = self.results / "run.log", f"{self.results}/"
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        found = (re.search(rf"INFO \S+: {re.escape(start)}(\S+) goes on from step ([0-9]+)$", line) for line in lines)
        return [(one[1], int(one[2])) for one in found if one]

    def leaderboard(self) -> list[dict[str, str]]:
        """Its rows without what another time changes."""
        rows = list(csv.DictReader((self.results / "leaderboard.csv").read_text().splitlines()))
        return [{name: value for name, value in row.items() if name not in UNSTABLE} for row in rows]

    def steps(self, trial: str) -> list[int]:
        """Of the rows of a trial's `result.json`, in order."""
        lines = (self.results / trial / "result.json").read_text().splitlines()
        return [json.loads(line)["step"] for line in lines]


def trained_below(run: Killed, pid: int) -> dict[str, psutil.Process]:
    """Trial to the process that trains it, if that was started by this one, or by those that it has started."""
    children = {process.pid: process for process in psutil.Process(pid).children(recursive=True)}
    return {trial: children[own] for trial, own in run.pids().items() if own in children}


def config_of(*, eval_steps: int, max_steps: int, patience: int = 100, filters: int = 4, units: int = 0) -> str:
    """A config of one convolution, and a dense layer if it has `units`."""
    dense = f"dense_layers: [{{num_units: {units}}}]" if units else "dense_layers: []"
    return f"""
data: {{folds: 2, random_seed: 3}}
model:
  image_size: 16
  conv_layers: [{{num_filters: {filters}, kernel_size: 5}}]
  {dense}
training:
  eval_steps: {eval_steps}
  max_steps: {max_steps}
  early_stopping_evals: {patience}
  learning_rate: 0.003
  precision: fp32
"""


def recording(folder: Path, config: str, mutations: str, *, num_images: int = 60, size: int = 20) -> Path:
    """A user's folder with a small simulated recording, a config and a mutations file."""
    folder.mkdir(parents=True, exist_ok=True)
    simulation = simulate(np.random.default_rng(1), num_images=num_images, num_test=10, num_neurons=4, size=size)
    write(simulation, folder / "recording")
    (folder / "config.yaml").write_text(config)
    (folder / "mutations.yaml").write_text(mutations)
    return folder
