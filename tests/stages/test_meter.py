import pytest

from tuner.results.spent import NOTHING, Machine, Spent, Use
from tuner.stages import meter
from tuner.stages.meter import Meter

MACHINES = {"head": Machine("m7i.large on-demand", 0.36), "spot": Machine("g5.xlarge spot", 3.6)}


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(meter, "time", made)
    return made


def used(made: Meter) -> dict[str, float]:
    return {use.machine: use.seconds for use in made.spent.uses}


def test_nothing_is_spent_before_a_node_was_seen(clock: Clock) -> None:
    made = Meter(MACHINES, NOTHING)
    clock.now += 50
    assert (made.spent, made.rate) == (NOTHING, 0)


def test_the_nodes_of_a_look_run_until_the_next_one(clock: Clock) -> None:
    made = Meter(MACHINES, NOTHING)
    clock.now += 10
    made.look(["head"])
    clock.now += 5
    made.look(["head", "spot", "spot"])
    clock.now += 5
    made.look(["head"])
    assert used(made) == {"m7i.large on-demand": 20, "g5.xlarge spot": 10}
    assert made.spent.dollars == pytest.approx(20 * 1e-4 + 10 * 1e-3)


def test_a_gap_in_the_looks_counts_as_running_and_so_does_the_time_since_the_last(clock: Clock) -> None:
    made = Meter(MACHINES, NOTHING)
    made.look(["spot"])
    clock.now += 3600
    assert made.spent.dollars == pytest.approx(3.6)
    made.look([])
    clock.now += 3600
    assert made.spent.dollars == pytest.approx(3.6)


def test_the_rate_is_that_of_the_nodes_that_are_there(clock: Clock) -> None:
    made = Meter(MACHINES, NOTHING)
    made.look(["head", "spot", "spot"])
    assert made.rate == pytest.approx(0.0021)
    made.look(["head"])
    assert made.rate == pytest.approx(0.0001)


def test_what_was_spent_before_counts(clock: Clock) -> None:
    made = Meter(MACHINES, Spent((Use("g5.xlarge spot", 100, 0.1),), "2026-06"))
    made.look(["spot"])
    clock.now += 100
    assert made.spent == Spent((Use("g5.xlarge spot", 200, pytest.approx(0.2)),), "2026-06")


def test_a_node_that_is_not_the_clusters_costs_nothing(clock: Clock) -> None:
    made = Meter(MACHINES, NOTHING)
    made.look(["node_abc"])
    clock.now += 100
    assert made.spent == NOTHING
