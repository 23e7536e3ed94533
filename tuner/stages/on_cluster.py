"""What is looked after while an experiment runs on a cluster."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tuner.command import say
from tuner.errors import TunerError
from tuner.folder import Folder
from tuner.raytune.capacity import Capacity
from tuner.raytune.watch import ClusterState, Watcher, cluster_state, watched
from tuner.stages.crew import Crew

LOG_EVERY_S = 60.0
log = logging.getLogger(__name__)


@contextmanager
def log_kept(crew: Crew, folder: Folder) -> Iterator[None]:
    """Afterwards, however it ends, the log is in the experiment's folder."""
    try:
        yield
    finally:
        with suppress(TunerError):  # why it ends is said first
            crew.keep_log(folder)


@contextmanager
def nodes_cared_for(patience_s: float, *watchers: Watcher) -> Iterator[None]:
    """Meanwhile the user is told if there is no capacity, and others take the place of spot instances after a while.

    Args:
        patience_s: How long trials wait for spot instances.
        watchers: Who else is told of the cluster.
    """
    capacity = Capacity(patience_s, say)
    with _logged():
        capacity.begin(cluster_state())
    try:
        with watched(*watchers, capacity):
            yield
    finally:
        with _logged():
            capacity.end(cluster_state())


@contextmanager
def _logged() -> Iterator[None]:
    """The run goes on, and why it ends is said first; the next run puts it right."""
    try:
        yield
    except Exception:
        log.exception("the limits of the cluster file could not be put back")


@contextmanager
def looked_after(crew: Crew, folder: Folder, patience_s: float, *watchers: Watcher) -> Iterator[None]:
    """The same, and the log is copied every minute.

    Args:
        crew: Whose log.
        folder: The experiment's.
        patience_s: As `nodes_cared_for`.
        watchers: As above.
    """
    with nodes_cared_for(patience_s, *watchers, _LogKeeper(crew, folder)):
        yield


class _LogKeeper:
    """Copies the log to the experiment's folder every minute: a machine may be gone before its end."""

    def __init__(self, crew: Crew, folder: Folder) -> None:
        self._crew, self._folder, self._kept_at = crew, folder, time.monotonic()

    def __call__(self, state: ClusterState) -> None:
        """The cluster is like this now."""
        if time.monotonic() - self._kept_at >= LOG_EVERY_S:
            self._kept_at = time.monotonic()
            with suppress(TunerError):  # the storage may answer again next time
                self._crew.keep_log(self._folder)
