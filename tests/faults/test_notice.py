"""A node that EC2 is about to take away is left by its trials between two evaluations; nothing is lost or fails."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.killing import Killed, config_of, trained_below
from tests.cluster.metadata_service import serving
from tuner.cluster import spot_notice
from tuner.cluster.spot_notice import Nodes, Notice
from tuner.raytune.fault_tolerance.evacuation import LAST_S

INTERVAL, LAST = 20, 500
CONFIG = config_of(eval_steps=INTERVAL, max_steps=LAST, filters=24)
OFTEN, ONCE = "base", f"change_training-eval_steps={LAST}"
"""Trials that write a checkpoint every now and then, and not before their end."""
MUTATIONS = f"""
change_training:
  - eval_steps: [{LAST}]
"""
LEAVES = "its machine is about to be taken away; it goes on elsewhere"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that does no work, in a Ray of its own."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


@contextmanager
def watched(node: Any, folder: Path) -> Iterator[Path]:
    """EC2 gives the node's machine notice, of five minutes; what the watcher, which has one file only, says of it."""
    script, said = Path(shutil.copy(spot_notice.__file__, folder)), folder / "said.txt"
    with serving() as service, said.open("w") as output:
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300))
        service.action = json.dumps({"action": "terminate", "time": end})
        watcher = subprocess.Popen(
            [sys.executable, "-I", script, "--address", node.gcs_address, "--node-id", node.node_id],
            env={**os.environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.endpoint},
            stdout=output,
        )
        try:
            yield said
        finally:
            watcher.kill()
            watcher.wait(10)


@contextmanager
def halted(run: Killed, raylet: psutil.Process) -> Iterator[dict[str, psutil.Process]]:
    """Each trial to its process, which does nothing from the first checkpoint on, and is dead after the block."""

    def processes() -> dict[str, psutil.Process]:
        known = trained_below(run, raylet.pid)
        others = [one for one in raylet.children() if trains(one) and one not in known.values()]
        return {**known, ONCE: others[0]} if others else known

    assert run.wait_for(lambda: len(processes()) == 2), run.said
    found = processes()
    for process in found.values():
        process.suspend()
    try:
        yield found
    finally:
        for process in found.values():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def trains(process: psutil.Process) -> bool:
    """Whether Ray has named the process after what it does so."""
    try:
        return ".train" in "".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def by_process(run: Killed, trial: str) -> list[list[int]]:
    """The steps of a trial's rows, one list for each process that they are from."""
    rows = [json.loads(line) for line in (run.results / trial / "result.json").read_text().splitlines()]
    return [[row["step"] for row in part] for _, part in groupby(rows, itemgetter("pid"))]


def test_trials_leave_a_node_that_is_about_to_go(cluster: Any, make: Callable[..., Killed], tmp_path: Path) -> None:
    run = make(CONFIG, MUTATIONS, ("--address", cluster.address, "--finals", "0", "--no-retrain"))
    node = cluster.add_node(num_cpus=2, num_gpus=0)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    log = run.results / "run.log"
    run.start()
    with halted(run, raylet) as processes, watched(node, tmp_path) as said:
        cluster.add_node(num_cpus=2, num_gpus=0)
        assert run.wait_for(lambda: f"node {node.node_id} gets no new work" in said.read_text()), said.read_text()
        assert run.wait_for(lambda: f"node {node.node_id} is about to be taken away" in log.read_text()), run.said
        processes[OFTEN].resume()
        assert run.wait_for(lambda: f"{OFTEN}: {LEAVES}" in log.read_text()), run.said
        Nodes(cluster.address).drain(node.node_id, Notice("terminate", time.time() + LAST_S))
        assert run.wait_for(lambda: f"{ONCE}: {LEAVES}" in log.read_text()), run.said
        processes[ONCE].resume()  # to its end: it has been told
        gone, alive = psutil.wait_procs([*processes.values(), raylet], timeout=60)
        assert (len(gone), alive) == (3, [])  # Ray ends a node that has nothing left
    assert run.end(100) == 0, run.said
    assert "tried again" not in log.read_text()
    before, after = by_process(run, OFTEN)
    assert f"{OFTEN}: {LEAVES} from step {before[-1]}\n" in log.read_text()
    assert [*before, *after] == list(range(INTERVAL, LAST + 1, INTERVAL))
    assert f"{ONCE}: {LEAVES}, once more from step 0\n" in log.read_text()
    assert by_process(run, ONCE) == [[LAST]]
