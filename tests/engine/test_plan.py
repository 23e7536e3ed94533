import pytest

from tuner.config import DataConfig
from tuner.dataset.splits import make_splits
from tuner.engine.plan import Plan, candidates, stacks_of

FIVE_BY_TWO = make_splits(DataConfig(folds=5, repeats=2), 50)


@pytest.mark.parametrize(
    ("together", "sizes"),
    [(1, [1] * 10), (2, [2, 2, 1, 2, 2, 1]), (3, [3, 2, 3, 2]), (5, [5, 5]), (7, [5, 5]), (10, [10]), (99, [10])],
)
def test_a_stack_holds_equally_many_of_each_repeat(together: int, sizes: list[int]) -> None:
    stacks = stacks_of(FIVE_BY_TWO, together)
    assert [len(members) for members in stacks] == sizes
    assert sorted(sum(stacks, ())) == list(range(10))
    for members in stacks:
        repeats = [FIVE_BY_TWO[member].repeat for member in members]
        assert repeats == sorted(repeats)
        assert len({repeats.count(repeat) for repeat in repeats}) == 1


def test_the_order_of_splits_does_not_matter() -> None:
    backwards = FIVE_BY_TWO[::-1]
    for together in (1, 3, 5, 10):
        forwards = [[FIVE_BY_TWO[member] for member in members] for members in stacks_of(FIVE_BY_TWO, together)]
        assert forwards == [[backwards[member] for member in members] for members in stacks_of(backwards, together)]


def test_repeats_of_unequal_size_are_not_stacked_with_each_other() -> None:
    assert [len(members) for members in stacks_of(FIVE_BY_TWO[:7], 10)] == [5, 2]


def test_candidates_are_all_kinds_of_training_and_no_plan_twice() -> None:
    found = candidates(FIVE_BY_TWO)
    assert len(set(found)) == len(found)
    assert {Plan(10, True), Plan(1, True), Plan(10), Plan(1), Plan(1, streams=True)} <= set(found)
    assert set(candidates(FIVE_BY_TWO[:1])) == {Plan(1, True), Plan(1)}
