import math
from dataclasses import replace

import pytest

from benchmarks.scale import costs_of, start_s
from benchmarks.scale_meter import RAY, RAY_SNAPSHOT
from benchmarks.scale_model import (
    Costs,
    Search,
    capacity,
    checkpoint_s,
    driver_s,
    largest_checkpoint,
    parts,
    share,
    shortest_interval_s,
    snapshots,
    sync_s,
    waiting_s,
)
from benchmarks.scale_storage import counted, kind_of, operation_of

COSTS = Costs(
    result_s=0.01,
    snapshot_s_a_trial=0.0005,
    result_requests=2,
    checkpoint_requests=5,
    sync_requests=3,
    sync_requests_a_slot=2,
    sync_at_a_time=4,
    start_s=1,
    start_requests=10,
)
SEARCH = Search(trials=1000, slots=100, evaluations=10, checkpoint_bytes=5e6, request_s=0.03, bytes_a_s=1e7)
FREE = Costs(0, 0, 0, 0, 0, 0, 1, 0, 0)


def test_a_result_takes_the_drivers_cpu_and_its_requests_answers() -> None:
    assert 1 / capacity(COSTS, SEARCH) == pytest.approx(0.01 + (2 + 10 / 10) * 0.03)


def test_a_checkpoint_takes_its_requests_and_its_bytes() -> None:
    assert checkpoint_s(COSTS, SEARCH) == pytest.approx(5 * 0.03 + 0.5)


def test_a_copy_takes_the_requests_of_all_trials_and_of_those_that_run() -> None:
    assert sync_s(COSTS, SEARCH) == pytest.approx((3 * 1000 + 2 * 100) * 0.03 / 4)


def test_half_loaded_a_result_waits_for_half_a_service() -> None:
    assert waiting_s(rate=5, service=0.1) == pytest.approx(0.05)
    assert waiting_s(rate=0, service=0.1) == 0
    assert waiting_s(rate=10, service=0.1) == math.inf


def test_one_slot_that_is_long_away_waits_for_its_own_service_alone() -> None:
    assert driver_s(service=0.1, slots=1, away_s=1e6) == pytest.approx(0.1, rel=1e-3)


def test_more_slots_than_the_driver_can_serve_wait_for_each_other() -> None:
    assert driver_s(service=0.1, slots=1000, away_s=1) == pytest.approx(100 - 1, rel=1e-2)


def test_a_copy_that_is_done_before_the_second_result_is_not_waited_for() -> None:
    costs = replace(FREE, sync_requests=1)  # 30 s
    assert parts(costs, SEARCH, 30)["copy of the files"] == 0
    assert parts(costs, replace(SEARCH, checkpoint_bytes=0), 10)["copy of the files"] == pytest.approx(5, rel=1e-3)


@pytest.mark.parametrize(
    ("trials", "interval_s", "expected"), [(1000, 60, (0.5, 10)), (2000, 60, (1, 19)), (2000, 5, (1, 5))]
)
def test_a_snapshot_is_taken_as_often_as_ray_takes_it(
    trials: int, interval_s: float, expected: tuple[float, float]
) -> None:
    assert snapshots(COSTS, replace(SEARCH, trials=trials), interval_s) == pytest.approx(expected)


def test_a_result_waits_for_half_a_snapshot_as_often_as_there_is_one() -> None:
    costs = replace(FREE, snapshot_s_a_trial=0.001)
    assert parts(costs, SEARCH, 10)["snapshot"] == pytest.approx(0.1 * 0.5)


def test_the_share_is_of_the_wall_time() -> None:
    costs = replace(FREE, checkpoint_requests=100)  # 3 s, and 0.5 s for the bytes
    assert share(costs, SEARCH, 31.5) == pytest.approx(0.1, rel=1e-3)


def test_at_the_shortest_interval_the_law_is_just_kept() -> None:
    interval = shortest_interval_s(COSTS, SEARCH)
    assert share(COSTS, SEARCH, interval) == pytest.approx(0.05, rel=1e-2)
    assert share(COSTS, SEARCH, interval) <= 0.05 < share(COSTS, SEARCH, interval * 0.99)


def test_the_largest_checkpoint_takes_what_the_law_leaves() -> None:
    costs = replace(FREE, checkpoint_requests=10)  # 0.3 s
    assert largest_checkpoint(costs, SEARCH, 19) == pytest.approx((1 - 0.3) * 1e7, rel=1e-2)
    assert largest_checkpoint(costs, SEARCH, 1) == 0


@pytest.mark.parametrize(
    ("method", "query", "expected"),
    [
        ("PUT", "", "PUT"),
        ("GET", "list-type=2&prefix=a", "LIST"),
        ("POST", "delete", "DELETE (many)"),
        ("POST", "uploads", "POST (part)"),
        ("PUT", "partNumber=1&uploadId=x", "PUT (part)"),
    ],
)
def test_an_operation_is_named_as_s3_names_it(method: str, query: str, expected: str) -> None:
    assert operation_of(method, query) == expected


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/bucket/name/wide/checkpoint_000001/checkpoint.pt", "", "checkpoint"),
        ("/bucket", "list-type=2&prefix=name/wide/checkpoint_000001/", "checkpoint"),
        ("/bucket/name/wide/events.out.tfevents.1.vm.2.0", "", "events"),
        ("/bucket/name/experiment_state-2026-11-26.json", "", "Ray's snapshot"),
        ("/bucket/name/wide/result.json", "", "result.json"),
        ("/bucket/name/wide/", "", "folder"),
    ],
)
def test_a_request_is_of_a_kind_of_file(path: str, query: str, expected: str) -> None:
    assert kind_of(path, query) == expected


def test_requests_are_counted_with_their_bytes() -> None:
    lines = ('["PUT", "checkpoint", 10]', '["PUT", "checkpoint", 5]', '["HEAD", "folder", 0]')
    assert counted(lines) == {("PUT", "checkpoint"): (2, 15), ("HEAD", "folder"): (1, 0)}


def test_a_slot_waits_for_its_place_once() -> None:
    assert start_s(trials=100, slots=189) == pytest.approx(189 / 18.9 / 2 + 5)
    assert start_s(trials=378, slots=189) == pytest.approx((189 / 18.9 / 2 + 5 + 0.07) / 2)


def test_what_two_lists_of_trials_cost_tells_a_results_and_a_snapshots_share() -> None:
    def found(results: int, snapshots: int, cpu_s: float) -> dict[str, object]:
        watched = {RAY: {"calls": 50, "cpu_s": cpu_s}, RAY_SNAPSHOT: {"calls": 50 + snapshots, "cpu_s": 0.0}}
        return {"results": results, "watched": watched}

    small, large = found(100, 2, 100 * 0.01 + 2 * 100 * 0.001), found(50, 3, 50 * 0.01 + 3 * 1000 * 0.001)
    costs = costs_of(small, large, (100, 1000))
    assert (costs.result_s, costs.snapshot_s_a_trial) == pytest.approx((0.01, 0.001))
