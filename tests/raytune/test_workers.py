"""Functions on Ray's workers, on the session's own Ray."""

import time
from pathlib import Path

import pytest
import ray

from tuner.errors import InputError, TunerError
from tuner.raytune import resources, tasks
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.workers import Workers, on_workers

pytestmark = pytest.mark.usefixtures("ray_session")
WORKERS = Workers(gpus=0)


def double(number: int) -> int:
    return 2 * number


def fail() -> None:
    raise TunerError("it did not work")


def divide(number: int) -> float:
    return number / 0


def test_a_function_runs_on_a_worker_and_its_errors_come_back() -> None:
    with pytest.raises(TunerError, match="a worker failed: ZeroDivisionError: division by zero"):
        WORKERS.do(divide, 1)
    assert WORKERS.do(double, 21) == 42
    with pytest.raises(TunerError, match="it did not work"):
        WORKERS.do(fail)


def power(base: int, exponent: int, *, threads: int, gpu: float) -> tuple[int, int, float]:
    if exponent < 0:
        raise TunerError("it cannot be negative")
    return base**exponent, threads, gpu


def test_calls_are_shared_out_and_come_back_in_order() -> None:
    calls = [(2, number) for number in range(5)]
    assert WORKERS.each(power, calls) == [(2**number, 1, 0) for number in range(5)]
    assert on_workers(power, calls[:2], Resources(2, 0)) == [(1, 2, 0), (2, 2, 0)]
    with pytest.raises(TunerError, match="it cannot be negative"):
        WORKERS.each(power, [*calls, (2, -1)])


def test_calls_that_are_to_be_together_are_on_one_node_at_a_time() -> None:
    first, second = on_workers(group_of, [()] * 2, Resources(1, 0), together=True)
    assert first == second
    made = ray.util.placement_group_table()[first]
    assert (made["strategy"], made["state"]) == ("STRICT_PACK", "REMOVED")
    assert list(made["bundles"].values()) == [{"CPU": 1.0}] * 2


def group_of(*, threads: int, gpu: float) -> str:
    """The placement group that this runs in."""
    return str(ray.util.get_current_placement_group().id.hex())


def begin(folder: Path, name: str, needed: int, *, threads: int, gpu: float) -> str:
    """Waits until it was begun so many times, or until it is told to end."""
    (folder / f"{name}-{time.time_ns()}").touch()
    deadline = time.monotonic() + 60
    while len(begun(folder, name)) < needed and not (folder / "end").exists():
        assert time.monotonic() < deadline, "nobody began again"
        time.sleep(0.05)
    (folder / f"ended-{name}").touch()
    return name


def begun(folder: Path, name: str) -> list[Path]:
    return list(folder.glob(f"{name}-*"))


@pytest.mark.parametrize("is_here", [True, False])
def test_what_ran_on_a_node_that_was_lost_begins_again_and_nothing_else(
    is_here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, node = 0, ray.get_runtime_context().get_node_id() if is_here else "another"

    def lost() -> frozenset[str]:
        nonlocal looks
        looks += bool(begun(tmp_path, "slow") and (tmp_path / "ended-quick").exists())
        if looks == 20 and not is_here:
            (tmp_path / "end").touch()
        return frozenset({"before", node} if looks >= 5 else {"before"})

    monkeypatch.setattr(tasks, "_lost", lost)
    monkeypatch.setattr(tasks, "LOOK_EVERY_S", 0.1)
    assert WORKERS.each(begin, [(tmp_path, "quick", 1), (tmp_path, "slow", 2)]) == ["quick", "slow"]
    assert looks >= 5
    assert (len(begun(tmp_path, "quick")), len(begun(tmp_path, "slow"))) == (1, 2 if is_here else 1)


def test_a_node_that_was_sent_away_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = tasks.NodeDeathInfo.Reason.items()
    told = [{"NodeID": name, "Alive": False, "DeathReason": number} for name, number in reasons]
    there = {"NodeID": "there", "Alive": True, "DeathReason": 0}
    monkeypatch.setattr(ray, "nodes", lambda: [*told, there])
    assert tasks._lost() == {"UNEXPECTED_TERMINATION", "AUTOSCALER_DRAIN_PREEMPTED"}


def test_where_no_gpu_is_there_and_nobody_knows_what_may_come_it_must_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "has_autoscaler", lambda: True)
    monkeypatch.setattr(resources, "worker_types", lambda: ())
    with pytest.raises(InputError, match=r"^no GPU is there yet, .*: give --gpus-per-trial, 0 for none$"):
        check_resources(Resources())
    for given in (0.0, 0.5):
        assert check_resources(Resources(gpus_per_trial=given)).gpus_per_trial == given
