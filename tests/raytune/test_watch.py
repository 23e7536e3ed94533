import threading
import time

import pytest
import ray

from tuner.raytune.watch import ClusterState, cluster_state, watched

pytestmark = pytest.mark.usefixtures("ray_session")


def test_nodes_are_seen_and_what_waits_for_some() -> None:
    quiet = cluster_state()
    assert list(quiet.nodes) == [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    assert (quiet.coming, quiet.asked, quiet.refused, quiet.waiting) == ((), (), (), False)


def test_a_watcher_that_fails_is_told_again() -> None:
    seen, twice = list[ClusterState](), threading.Event()

    def look(state: ClusterState) -> None:
        seen.append(state)
        if len(seen) == 2:
            twice.set()
        raise ValueError("it cannot be bothered")

    with watched(look, period_s=0.05):
        assert twice.wait(10)
    number = len(seen)
    time.sleep(0.2)
    assert len(seen) == number
