"""Where a driver's time goes: CPU and wall seconds by what it does, each without what is measured within it."""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from ray.air.execution._internal import RayActorManager
from ray.train._internal import checkpoint_manager
from ray.train._internal.syncer import _BackgroundSyncer
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager
from ray.tune.execution.tune_controller import TuneController
from ray.tune.logger import JsonLoggerCallback

from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.fault_tolerance.rows import JsonRows, TableRows
from tuner.raytune.fault_tolerance.snapshot import Snapshot
from tuner.raytune.relay import Relay
from tuner.raytune.stopper import StopEarly
from tuner.reporting.progress import Progress
from tuner.reporting.tensorboard import TensorBoardWriter
from tuner.results.ending_marks import EndingMarks

RAY, EVENTS, ROWS, BOARD = "Ray's controller", "Ray's actor events", "rows", "TensorBoard"
RELAY, STOPPER, SNAPSHOT, RAY_SNAPSHOT = "relay and progress", "stopper", "our snapshot.zip", "Ray's snapshot"
SYNC_WAIT, DELETING, STARTING, OTHERS = "waiting for a sync", "deleting checkpoints", "recovery", "other threads"

PLACES: tuple[tuple[Any, str, str], ...] = (
    (TuneController, "step", RAY),
    (RayActorManager, "next", EVENTS),
    (JsonLoggerCallback, "log_trial_result", ROWS),
    (JsonRows, "log_trial_start", ROWS),
    (TableRows, "log_trial_result", ROWS),
    (TableRows, "log_trial_start", ROWS),
    (TensorBoardWriter, "measured", BOARD),
    (TensorBoardWriter, "ended", BOARD),
    (Relay, "on_trial_result", RELAY),
    (Relay, "on_step_end", RELAY),
    (Progress, "measured", RELAY),
    (Progress, "ended", RELAY),
    (EndingMarks, "ended", RELAY),
    (StopEarly, "__call__", STOPPER),
    (StopEarly, "stop_all", STOPPER),
    (Snapshot, "on_step_begin", SNAPSHOT),
    (_ExperimentCheckpointManager, "sync_up_experiment_state", RAY_SNAPSHOT),
    (TuneController, "save_to_dir", RAY_SNAPSHOT),
    (_BackgroundSyncer, "wait", SYNC_WAIT),
    (checkpoint_manager, "_delete_fs_path", DELETING),
    (Recovery, "recover", STARTING),
)


@dataclass
class Spent:
    """On one thing.

    Attributes:
        calls: How often.
        cpu_s: Of the driver's main thread.
        wall_s: As above.
    """

    calls: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


@dataclass
class Meter:
    """What the main thread has spent so far, by name."""

    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _inner: list[list[float]] = field(default_factory=list)

    def measured(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose calls in the main thread are added."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            cpu, wall = time.thread_time(), time.perf_counter()
            self._inner.append([0.0, 0.0])
            try:
                return function(*args, **kwargs)
            finally:
                cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
                inner, spent = self._inner.pop(), self.spent[name]
                spent.calls += 1
                spent.cpu_s += cpu - inner[0]
                spent.wall_s += wall - inner[1]
                if self._inner:
                    self._inner[-1][0] += cpu
                    self._inner[-1][1] += wall

        return call

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """Meanwhile all of `PLACES` are measured."""
        with ExitStack() as stack:
            for owner, attribute, name in PLACES:
                stack.enter_context(patch.object(owner, attribute, self.measured(name, getattr(owner, attribute))))
            yield

    def now(self) -> dict[str, Spent]:
        """What has been spent until now, with the CPU seconds of all other threads of the process."""
        found = {name: Spent(one.calls, one.cpu_s, one.wall_s) for name, one in self.spent.items()}
        return {**found, OTHERS: Spent(0, time.process_time() - time.thread_time(), 0.0)}


def between(before: dict[str, Spent], after: dict[str, Spent]) -> dict[str, Spent]:
    """What was spent from one moment to another."""
    none = Spent()
    return {
        name: Spent(
            one.calls - before.get(name, none).calls,
            one.cpu_s - before.get(name, none).cpu_s,
            one.wall_s - before.get(name, none).wall_s,
        )
        for name, one in after.items()
    }
