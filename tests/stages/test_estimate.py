import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.results.spent import Machine
from tuner.stages.estimate import START_S, Estimate, NodePool, estimated, makespan

HEAD, SPOT, STRANGE = Machine("m7i.large on-demand", 0.1), Machine("g5.xlarge spot", 0.45), Machine("p9 spot", None)
CLUSTER = [NodePool(HEAD, 1, 0, always=True), NodePool(SPOT, 8, 2)]


@pytest.mark.parametrize(
    ("durations", "slots", "seconds"),
    [([], 3, 0), ([5], 3, 5), ([1, 2, 3], 1, 6), ([1, 2, 3], 3, 3), ([3, 3, 2, 2, 2], 2, 7), ([1, 1, 4], 2, 5)],
)
def test_work_is_begun_in_its_turn_wherever_a_slot_is_free(durations: list[float], slots: int, seconds: float) -> None:
    assert makespan(durations, slots) == seconds


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=12), st.integers(1, 5))
def test_a_piece_that_takes_less_time_makes_nothing_longer(pairs: list[tuple[int, int]], slots: int) -> None:
    assert makespan([min(pair) for pair in pairs], slots) <= makespan([max(pair) for pair in pairs], slots)


def test_stages_come_one_after_the_other_on_no_more_nodes_than_they_need() -> None:
    found = estimated([[3600.0] * 6, [1800.0] * 2], CLUSTER, alone_s=60)
    assert found == Estimate(START_S + 3600 + 1800 + 60, ((HEAD, 1), (SPOT, 3)))
    assert found.dollars == pytest.approx((0.1 + 3 * 0.45) * found.seconds / 3600)


def test_more_work_than_slots_takes_turns() -> None:
    found = estimated([[100.0] * 40], CLUSTER)
    assert found == Estimate(START_S + 300, ((HEAD, 1), (SPOT, 8)))


def test_no_more_run_at_a_time_than_the_user_allows() -> None:
    assert estimated([[100.0] * 40], CLUSTER, at_a_time=4) == Estimate(START_S + 1000, ((HEAD, 1), (SPOT, 2)))


def test_a_head_that_holds_trials_needs_no_start() -> None:
    assert estimated([[10.0] * 2], [NodePool(HEAD, 1, 2, always=True), NodePool(SPOT, 8, 2)]) == Estimate(
        10, ((HEAD, 1),)
    )


def test_without_room_for_a_trial_there_is_no_estimate() -> None:
    assert estimated([[1.0]], [NodePool(HEAD, 1, 0, always=True), NodePool(SPOT, 0, 2)]) is None


def test_a_price_that_is_not_known_leaves_the_time_alone() -> None:
    found = estimated([[10.0]], [NodePool(STRANGE, 1, 1)])
    assert found is not None
    assert (found.seconds, found.dollars) == (START_S + 10, None)
