import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuner.raytune import autoscaling
from tuner.raytune.autoscaling import worker_types
from tuner.raytune.capacity import AGAIN_S, Capacity, Shortage, next_step
from tuner.raytune.joining import PATIENCE_S
from tuner.raytune.node_limits import limit_as_usual
from tuner.raytune.watch import ClusterState, Refusal

QUIET = ClusterState({"1": "head", "2": "spot"}, (), (), (), waiting=True)
LOG = """
create_instances: Attempt failed with An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: \
You have requested more., retrying.
create_instances: Attempt failed with An error occurred (InsufficientInstanceCapacity) when calling the RunInstances \
operation (reached max retries: 0): There is no Spot capacity available., retrying.
something else
"""
GPU = {"CPU": 4, "GPU": 1}
STARTING = "nodes of the type spot are being started; in a few minutes they take work"


def refused(**others: Any) -> ClusterState:
    refusals = (Refusal("spot", time.time()),)
    return ClusterState(**{**vars(QUIET), "refused": refusals, **others})


@pytest.mark.parametrize(
    ("shortage", "refused", "dearer", "dearer_for", "waiting", "step"),
    [
        (Shortage(), False, False, None, True, ""),
        (Shortage(), True, False, None, False, ""),
        (Shortage(), True, False, None, True, "begins"),
        (Shortage(100), True, False, None, True, ""),
        (Shortage(100), False, False, None, True, "ends"),
        (Shortage(90), True, False, None, False, "ends"),
        (Shortage(90), True, False, None, True, "falls back"),
        (Shortage(90), True, False, 5, True, ""),
        (Shortage(90), True, True, 5, True, "is nowhere"),
        (Shortage(90, told=True), True, True, 5, True, ""),
        (Shortage(90), False, False, AGAIN_S + 1, False, "tries again"),
        (Shortage(), True, False, 5, True, ""),
    ],
)
def test_each_step_of_a_shortage(
    shortage: Shortage, refused: bool, dearer: bool, dearer_for: float | None, waiting: bool, step: str
) -> None:
    found = next_step(
        shortage,
        refused=refused,
        dearer_refused=dearer,
        dearer_for=dearer_for,
        waiting=waiting,
        now=100,
        patience_s=10,
    )
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


@dataclass
class Clock:
    """Both of Python's."""

    now: float = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, since = Clock(), time.time()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(time, "time", lambda: since + made.now)
    return made


def test_on_demand_nodes_take_the_place_of_spot_ones_until_those_are_tried_again(
    file: Path, log: Path, clock: Clock
) -> None:
    log.write_text(LOG)
    said = list[str]()
    capacity = Capacity(120, said.append)
    for _ in range(3):
        capacity(refused())
    reason = "InsufficientInstanceCapacity: There is no Spot capacity available."
    assert said == [f"no node of the type spot is to be had ({reason}); after 2 min on-demand ones are asked for"]
    usual = most()
    assert usual == {"on_demand": 0, "spot": 8, "large": 9}
    clock.now += 120
    capacity(refused(coming=("spot",), asked=("spot",) * 2))
    assert most() == {"on_demand": 8, "spot": 4, "large": 9}, "Ray would end nodes that come, for a limit below them"
    assert said[1:] == ["still no capacity: nodes of the type on_demand are asked for now, at full price", STARTING]
    capacity(refused(asked=("spot",) * 2))
    assert most() == {"on_demand": 8, "spot": 1, "large": 9}, "Ray would ask for spot nodes for ever"
    clock.now += AGAIN_S
    there = {"1": "head", "2": "on_demand"}
    capacity(ClusterState(there, ("on_demand",), (), (), waiting=False))
    assert most() == {"on_demand": 2, "spot": 8, "large": 9}
    capacity(ClusterState(there, (), (), (), waiting=False))
    assert most() == {"on_demand": 1, "spot": 8, "large": 9}
    capacity(QUIET)
    assert most() == usual
    assert len(said) == 3


@pytest.mark.parametrize("code", ["VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "UnauthorizedOperation"])
def test_what_is_not_for_want_of_capacity_costs_no_full_price(file: Path, log: Path, clock: Clock, code: str) -> None:
    log.write_text(LOG.replace("InsufficientInstanceCapacity", code))
    said = list[str]()
    capacity, usual = Capacity(120, said.append), most()
    for _ in range(3):
        capacity(refused())
        clock.now += 200
    assert most() == usual
    assert len(said) == 1
    assert said[0].startswith(f"no node of the type spot is to be had ({code}: ")
    assert said[0].endswith(
        "no others take their place, since capacity is not what is missing; tuner doctor looks at the account"
    )


def test_a_shortage_that_ends_is_told_anew(file: Path) -> None:
    said = list[str]()
    capacity = Capacity(600, said.append)
    for state in (refused(), QUIET, refused()):
        capacity(state)
    assert len(said) == 2
    assert most()["on_demand"] == 0


def fallen_back() -> Capacity:
    capacity = Capacity(0, lambda told: None)
    for _ in range(2):
        capacity(refused())
    assert most()["on_demand"] == 8
    return capacity


def test_a_run_that_was_killed_leaves_other_limits_for_a_moment_only(file: Path, clock: Clock) -> None:
    fallen_back()
    another = Capacity(0, lambda told: None)
    another.begin(QUIET)
    assert most()["on_demand"] == 8
    clock.now += AGAIN_S
    another.begin(QUIET)
    assert most() == {"on_demand": 0, "spot": 8, "large": 9}


def test_limits_are_put_back_by_the_run_that_has_changed_them_and_by_no_other(file: Path, clock: Clock) -> None:
    capacity, other = fallen_back(), Capacity(0, lambda told: None)
    other.begin(QUIET)
    other(refused())
    other.end(QUIET)
    assert most()["on_demand"] == 8
    capacity.end(QUIET)
    assert most() == {"on_demand": 0, "spot": 8, "large": 9}


def test_two_runs_change_limits_at_once(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda number: autoscaling.limit({"spot": number}, fell_back_at=None), range(100)):
            pass
    assert most()["spot"] < 100
    assert {kind.name: kind.usual for kind in worker_types()}["spot"] == 8


def test_that_nothing_is_to_be_had_at_any_price_is_told_once(file: Path) -> None:
    said = list[str]()
    capacity = Capacity(0, said.append)
    for _ in range(2):
        capacity(refused())
    for _ in range(2):
        capacity(refused(refused=(Refusal("on_demand", time.time()),)))
    assert said[2:] == ["on-demand nodes are not to be had either (Ray does not tell why); trials wait"]


def test_nodes_that_never_join_are_told_of_once(file: Path, clock: Clock) -> None:
    said = list[str]()
    capacity = Capacity(600, said.append)
    coming = ClusterState({"1": "head"}, ("spot", "spot"), (), (), waiting=True)
    joined = ClusterState({"1": "head", "2": "spot"}, ("spot",), (), (), waiting=True)
    between = replace(joined, coming=())  # Ray has ended a node whose setup failed, and asks for another one
    for state in (coming, joined, between, joined, between, joined):
        capacity(state)
        clock.now += PATIENCE_S / 2
    assert [line for line in said if line != STARTING] == said[2:3]
    assert said[2].startswith("nodes that were got 15 min ago have not joined; why is in Ray's logs: ray exec ")


def test_a_node_that_took_the_place_of_another_has_joined(file: Path, clock: Clock) -> None:
    said = list[str]()
    capacity = Capacity(600, said.append)
    for number in range(10):
        capacity(ClusterState({"1": "head", f"node-{number}": "spot"}, ("spot",), (), (), waiting=True))
        clock.now += PATIENCE_S / 2
    assert said == [STARTING]
