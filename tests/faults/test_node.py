"""A node that dies takes no trial with it: its trials go on elsewhere, and that counts for nothing.

Nor does a driver that dies while the cluster lives on.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from benchmarks.killing import Killed, config_of, trained_below

INTERVAL, LAST = 20, 600
CONFIG = config_of(eval_steps=INTERVAL, max_steps=LAST, filters=24)
MUTATIONS = """
change_training:
  - learning_rate: [0.001]
"""
DEAD_AFTER = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 3}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes on this machine, each with room for one trial, in a Ray of their own."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "num_gpus": 0, "include_dashboard": False, "_system_config": DEAD_AFTER},
    )
    yield made
    made.shutdown()


def test_the_trials_of_a_node_that_died_go_on_on_another(cluster: Any, make: Callable[..., Killed]) -> None:
    second = cluster.add_node(num_cpus=1, num_gpus=0)
    raylet = psutil.Process(second.all_processes["raylet"][0].process.pid)
    options = ("--address", cluster.address, "--finals", "0", "--no-retrain")
    run = make(CONFIG, MUTATIONS, options)
    run.start()
    assert run.wait_for(lambda: bool(trained_below(run, raylet.pid))), run.said
    ((lost, worker),) = trained_below(run, raylet.pid).items()
    raylet.kill()
    reached = run.progress()  # before anybody notices, the worker too, which ends by itself
    assert reached[lost] < LAST
    assert run.wait_for(lambda: run.progress()[lost] > reached[lost]), run.said
    assert psutil.wait_procs([raylet, worker], timeout=30)[1] == []
    ((gone_on, step),) = run.gone_on_from()
    assert gone_on == lost
    assert step >= reached[lost] - INTERVAL
    run.kill_driver()
    reached = run.progress()
    run.start()
    assert run.end(200) == 0, run.said
    for name, step in run.gone_on_from()[1:]:
        assert abs(step - reached[name]) <= INTERVAL  # an actor ends the call that it is in
    log = (run.results / "run.log").read_text()
    assert re.search(rf"{re.escape(lost)}: preempted: .*; it is tried again", log)
    for name in ("base", "change_training-learning_rate=0.001"):
        assert run.steps(name) == list(range(INTERVAL, LAST + 1, INTERVAL))
