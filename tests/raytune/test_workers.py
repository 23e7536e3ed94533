"""Functions on Ray's workers, on the session's own Ray."""

import time
from pathlib import Path

import pytest
import ray

from tuner.errors import TunerError
from tuner.raytune import workers
from tuner.raytune.resources import Resources
from tuner.raytune.workers import on_worker, on_workers

pytestmark = pytest.mark.usefixtures("ray_session")


def double(number: int) -> int:
    return 2 * number


def fail() -> None:
    raise TunerError("it did not work")


def divide(number: int) -> float:
    return number / 0


def test_a_function_runs_on_a_worker_and_its_errors_come_back() -> None:
    with pytest.raises(TunerError, match="a worker failed: ZeroDivisionError: division by zero"):
        on_worker(divide, 1)
    assert on_worker(double, 21) == 42
    with pytest.raises(TunerError, match="it did not work"):
        on_worker(fail)


def power(base: int, exponent: int, *, threads: int, gpu: float) -> tuple[int, int, float]:
    if exponent < 0:
        raise TunerError("it cannot be negative")
    return base**exponent, threads, gpu


def test_calls_are_shared_out_and_come_back_in_order() -> None:
    calls = [(2, number) for number in range(5)]
    assert on_workers(power, calls) == [(2**number, 1, 0) for number in range(5)]
    assert on_workers(power, calls[:2], Resources(2, 0)) == [(1, 2, 0), (2, 2, 0)]
    with pytest.raises(TunerError, match="it cannot be negative"):
        on_workers(power, [*calls, (2, -1)])


def begin(folder: Path, name: str, needed: int, *, threads: int, gpu: float) -> str:
    """Waits until it was begun so many times."""
    (folder / f"{name}-{time.time_ns()}").touch()
    deadline = time.monotonic() + 60
    while len(begun(folder, name)) < needed:
        assert time.monotonic() < deadline, "nobody began again"
        time.sleep(0.05)
    (folder / f"ended-{name}").touch()
    return name


def begun(folder: Path, name: str) -> list[Path]:
    return list(folder.glob(f"{name}-*"))


def test_what_has_not_ended_begins_again_once_a_node_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def lost() -> frozenset[str]:
        nonlocal looks
        looks += bool(begun(tmp_path, "slow") and (tmp_path / "ended-quick").exists())
        return frozenset({"before", "now"} if looks >= 5 else {"before"})

    monkeypatch.setattr(workers, "_lost", lost)
    monkeypatch.setattr(workers, "LOOK_EVERY_S", 0.1)
    assert on_workers(begin, [(tmp_path, "quick", 1), (tmp_path, "slow", 2)]) == ["quick", "slow"]
    assert looks >= 5
    assert (len(begun(tmp_path, "quick")), len(begun(tmp_path, "slow"))) == (1, 2)


def test_a_node_that_was_sent_away_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = workers.NodeDeathInfo.Reason.items()
    told = [{"NodeID": name, "Alive": False, "DeathReason": number} for name, number in reasons]
    there = {"NodeID": "there", "Alive": True, "DeathReason": 0}
    monkeypatch.setattr(ray, "nodes", lambda: [*told, there])
    assert workers._lost() == {"UNEXPECTED_TERMINATION", "AUTOSCALER_DRAIN_PREEMPTED"}
