import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuner.raytune import autoscaling
from tuner.raytune.autoscaling import worker_types
from tuner.raytune.capacity import AGAIN_S, JOINED_S, Capacity, Shortage, limit_as_usual, next_step
from tuner.raytune.watch import ClusterState, Refusal

QUIET = ClusterState({"1": "head", "2": "spot"}, (), (), waiting=True)
LOG = """
create_instances: Attempt failed with An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: \
You have requested more., retrying.
create_instances: Attempt failed with An error occurred (InsufficientInstanceCapacity) when calling the RunInstances \
operation (reached max retries: 0): There is no Spot capacity available., retrying.
something else
"""
GPU = {"CPU": 4, "GPU": 1}


def refused(**others: Any) -> ClusterState:
    refusals = (Refusal("spot", time.time()),)
    return ClusterState(**{**vars(QUIET), "refused": refusals, **others})


@pytest.mark.parametrize(
    ("shortage", "refused", "dearer", "waiting", "step"),
    [
        (Shortage(), False, False, True, ""),
        (Shortage(), True, False, False, ""),
        (Shortage(), True, False, True, "begins"),
        (Shortage(100), True, False, True, ""),
        (Shortage(100), False, False, True, "ends"),
        (Shortage(90), True, False, False, "ends"),
        (Shortage(90), True, False, True, "falls back"),
        (Shortage(90, 95), True, False, True, ""),
        (Shortage(90, 95), True, True, True, "is nowhere"),
        (Shortage(90, 95, told=True), True, True, True, ""),
        (Shortage(90, 99 - AGAIN_S), False, False, False, "tries again"),
    ],
)
def test_each_step_of_a_shortage(shortage: Shortage, refused: bool, dearer: bool, waiting: bool, step: str) -> None:
    found = next_step(shortage, refused=refused, dearer_refused=dearer, waiting=waiting, now=100, patience_s=10)
    assert found == step


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The autoscaler's file, of a head, 8 spot instances and the same on demand."""
    path = tmp_path / "bootstrap.yaml"
    market = {"InstanceMarketOptions": {"MarketType": "spot"}}
    kinds: dict[str, Any] = {
        "head": {"resources": {"CPU": 0}, "node_config": {}},
        "on_demand": {"resources": {**GPU, "accelerator_type:A10G": 1}, "node_config": {}, "max_workers": 0},
        "spot": {"resources": GPU, "node_config": market, "max_workers": 8},
        "large": {"resources": {**GPU, "GPU": 8}, "node_config": {}},
    }
    path.write_text(yaml.safe_dump({"max_workers": 9, "head_node_type": "head", "available_node_types": kinds}))
    monkeypatch.setattr(autoscaling, "FILE", path)
    return path


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The autoscaler's log, which is not there yet."""
    monkeypatch.setattr(autoscaling, "logs_folder", lambda: tmp_path)
    return tmp_path / "monitor.out"


def most() -> dict[str, int]:
    return {kind.name: kind.max_workers for kind in worker_types()}


def test_without_the_file_nothing_may_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "FILE", tmp_path / "none")
    assert worker_types() == ()
    limit_as_usual(QUIET)
    said = list[str]()
    Capacity(0, said.append)(refused())
    assert said == ["no node of the type spot is to be had (Ray does not tell why); trials wait"]


def test_on_demand_nodes_take_the_place_of_spot_ones_until_those_are_tried_again(
    file: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_text(LOG)
    said, clock = list[str](), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    capacity = Capacity(120, said.append)
    for _ in range(3):
        capacity(refused())
    reason = "InsufficientInstanceCapacity: There is no Spot capacity available."
    assert said == [f"no node of the type spot is to be had ({reason}); after 2 min on-demand ones are asked for"]
    usual = most()
    assert usual == {"on_demand": 0, "spot": 8, "large": 9}
    clock += 120
    capacity(refused())
    assert most() == {"on_demand": 8, "spot": 1, "large": 9}
    assert said[1:] == ["still no capacity: nodes of the type on_demand are asked for now, at full price"]
    clock += AGAIN_S
    capacity(ClusterState({"1": "head", "2": "on_demand"}, ("on_demand",), (), waiting=False))
    assert most() == {"on_demand": 2, "spot": 8, "large": 9}
    limit_as_usual(QUIET)
    assert most() == usual
    assert len(said) == 2


def test_a_shortage_that_ends_is_told_anew(file: Path) -> None:
    said = list[str]()
    capacity = Capacity(600, said.append)
    for state in (refused(), QUIET, refused()):
        capacity(state)
    assert len(said) == 2
    assert most()["on_demand"] == 0


def test_a_run_that_was_killed_leaves_no_other_limits(file: Path) -> None:
    Capacity(0, lambda told: None)(refused())
    capacity = Capacity(0, lambda told: None)
    capacity(refused())
    capacity(refused())
    assert most()["on_demand"] == 8
    limit_as_usual(QUIET)
    assert most() == {"on_demand": 0, "spot": 8, "large": 9}


def test_that_nothing_is_to_be_had_at_any_price_is_told_once(file: Path) -> None:
    said = list[str]()
    capacity = Capacity(0, said.append)
    for _ in range(2):
        capacity(refused())
    for _ in range(2):
        capacity(refused(refused=(Refusal("on_demand", time.time()),)))
    assert said[2:] == ["on-demand nodes are not to be had either (Ray does not tell why); trials wait"]


def test_nodes_that_never_join_are_told_of_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, clock = list[str](), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    capacity = Capacity(600, said.append)
    coming = ClusterState({"1": "head"}, ("spot", "spot"), (), waiting=True)
    joined = ClusterState({"1": "head", "2": "spot"}, ("spot",), (), waiting=True)
    for state in (coming, joined, joined, joined, joined):
        capacity(state)
        clock += JOINED_S / 2
    assert len(said) == 1
    assert said[0].startswith("nodes that were got 15 min ago have not joined; why is in Ray's logs: ray exec ")
