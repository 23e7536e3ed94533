"""What becomes of a cluster's nodes while work goes on, looked at every few seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tuner.raytune.internals import cluster_status

PERIOD_S = 5.0
LATE_S = 45.0
"""After which an answer is no longer to come: asked for five nodes, AWS may give two, and Ray waits for the others."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """A node that the autoscaler asked for and did not get.

    Attributes:
        kind: Its type in the cluster file.
        at: When, in seconds since 1970.
    """

    kind: str
    at: float


@dataclass(frozen=True)
class ClusterState:
    """A cluster at one moment.

    Attributes:
        nodes: The type of each node that is there, by its id; of the cluster file, or Ray's name of the node.
        coming: The types of those that are being made ready, which cost as much.
        asked: The types of those that the cloud was asked for, without an answer as yet.
        refused: What was not got.
        waiting: Whether work waits for nodes.
    """

    nodes: dict[str, str]
    coming: tuple[str, ...]
    asked: tuple[str, ...]
    refused: tuple[Refusal, ...]
    waiting: bool


def cluster_state() -> ClusterState:
    """The cluster that this process is connected to, as Ray's autoscaler and its GCS know it."""
    status = cluster_status()
    demands, now = status.resource_demands, time.time()
    late = now - LATE_S
    return ClusterState(
        {node.node_id: node.ray_node_type_name for node in (*status.active_nodes, *status.idle_nodes)},
        tuple(node.ray_node_type_name for node in status.pending_nodes),
        tuple(one.ray_node_type_name for one in status.pending_launches for _ in range(one.count)),
        (
            *(Refusal(one.ray_node_type_name, float(one.failed_ts_s or 0)) for one in status.failed_launches),
            *(Refusal(one.ray_node_type_name, now) for one in status.pending_launches if one.request_ts_s < late),
        ),
        bool(demands.placement_group_demand or demands.ray_task_actor_demand),
    )


Watcher = Callable[[ClusterState], None]


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Whatever fails, the log tells of it, and it is tried again with the next look."""
    try:
        yield
    except Exception:
        log.exception(what)


@contextmanager
def watched(*watchers: Watcher, period_s: float = PERIOD_S) -> Iterator[None]:
    """Meanwhile each watcher is told of the cluster, at once and every few seconds, in a thread of its own."""
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            with _logged("the cluster's state is not known"):
                state = cluster_state()
                for watcher in watchers:
                    with _logged("who watches the cluster has failed"):
                        if not ended.is_set():
                            watcher(state)
            ended.wait(period_s)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LATE_S)  # one of them may be writing to the storage
