"""A node that dies takes no trial with it: its trials go on elsewhere, and that counts for nothing."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.killing import Killed, recording

INTERVAL, LAST = 20, 1200
CONFIG = f"""
data: {{folds: 2, random_seed: 3}}
model:
  image_size: 16
  conv_layers: [{{num_filters: 24, kernel_size: 5}}]
training:
  {{eval_steps: {INTERVAL}, max_steps: {LAST}, early_stopping_evals: 100, learning_rate: 0.003, precision: fp32}}
"""
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


def test_the_trials_of_a_node_that_died_go_on_on_another(cluster: Any, tmp_path: Path) -> None:
    second = cluster.add_node(num_cpus=1, num_gpus=0)
    raylet = psutil.Process(second.all_processes["raylet"][0].process.pid)
    options = ("--address", cluster.address, "--finals", "0", "--no-retrain")
    run = Killed(recording(tmp_path, CONFIG, MUTATIONS), options)
    run.start()
    trials = ("base", "change_training-learning_rate=0.001")
    assert run.wait_for(lambda: all(run.progress().get(name, 0) >= 3 * INTERVAL for name in trials)), run.said
    workers = [process for process in raylet.children(recursive=True) if "ResourceTrainable" in process.name()]
    assert len(workers) == 1
    raylet.kill()
    psutil.wait_procs([raylet, *workers], timeout=30)
    assert not raylet.is_running()
    time.sleep(1)
    reached = run.progress()
    assert max(reached[name] for name in trials) < LAST
    assert run.end(200) == 0, run.said
    ((lost, step),) = run.gone_on_from()
    assert reached[lost] - INTERVAL <= step <= reached[lost]
    log = (run.results / "run.log").read_text()
    assert re.search(rf"{re.escape(lost)}: preempted: .*; it is tried again", log)
    for name in trials:
        steps = run.steps(name)
        assert steps == list(range(INTERVAL, LAST + 1, INTERVAL))
