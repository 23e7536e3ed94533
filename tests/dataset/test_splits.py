from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.config import DataConfig
from tuner.dataset.splits import Split, halves, make_splits, whole
from tuner.errors import ConfigError


def parts(splits: tuple[Split, ...]) -> list[tuple[list[int], list[int]]]:
    return [(split.train.tolist(), split.held_out.tolist()) for split in splits]


many = st.integers(2, 60).flatmap(lambda count: st.tuples(st.just(count), st.integers(2, count)))


@settings(deadline=None)
@given(many, st.integers(1, 3), st.integers(0, 2**63 - 1))
def test_folds_hold_every_image_out_once_a_repeat(sizes: tuple[int, int], repeats: int, seed: int) -> None:
    count, folds = sizes
    splits = make_splits(DataConfig(folds=folds, repeats=repeats, random_seed=seed), count)
    assert [(split.repeat, split.fold) for split in splits] == [
        (repeat, fold) for repeat in range(repeats) for fold in range(folds)
    ]
    for repeat in range(repeats):
        held_out = [split.held_out for split in splits if split.repeat == repeat]
        assert sorted(np.concatenate(held_out)) == list(range(count))
        assert max(map(len, held_out)) - min(map(len, held_out)) <= 1


@settings(deadline=None)
@given(many, st.integers(0, 2**63 - 1), st.integers(1, 2))
def test_a_split_trains_on_all_that_it_does_not_hold_out(sizes: tuple[int, int], seed: int, repeats: int) -> None:
    count, other = sizes
    for data in (
        DataConfig(folds=other, random_seed=seed, repeats=repeats),
        DataConfig(eval_size=other - 1, random_seed=seed, repeats=repeats),
    ):
        for train, held_out in parts(make_splits(data, count)):
            assert sorted(train + held_out) == list(range(count))
            assert (train, held_out) == (sorted(train), sorted(held_out))
            assert train
            assert held_out


@pytest.mark.parametrize("eval_size", [1, 20, 29])
def test_one_fold_holds_out_eval_size_images(eval_size: int) -> None:
    splits = make_splits(DataConfig(eval_size=eval_size, repeats=3), 30)
    assert [(split.repeat, split.fold, len(split.held_out)) for split in splits] == [
        (repeat, 0, eval_size) for repeat in range(3)
    ]


def test_with_folds_eval_size_is_not_used() -> None:
    few, too_many = DataConfig(folds=3, eval_size=1), DataConfig(folds=3, eval_size=1000)
    assert parts(make_splits(few, 30)) == parts(make_splits(too_many, 30))


@pytest.mark.parametrize("data", [DataConfig(eval_size=10), DataConfig(folds=3), DataConfig(folds=3, reshuffle=True)])
def test_a_split_is_the_same_each_time(data: DataConfig) -> None:
    assert parts(make_splits(data, 30, "a")) == parts(make_splits(data, 30, "a"))


def test_a_split_never_changes_between_versions() -> None:
    (split,) = make_splits(DataConfig(eval_size=4, random_seed=130), 12)
    assert split.held_out.tolist() == [6, 7, 8, 10]


def test_seeds_and_repeats_have_splits_of_their_own() -> None:
    splits = [
        split
        for seed in (0, 1, 130)
        for split in make_splits(DataConfig(eval_size=10, repeats=3, random_seed=seed), 100)
    ]
    assert all(first.held_out.tolist() != second.held_out.tolist() for first, second in combinations(splits, 2))


def test_more_repeats_leave_the_first_as_they_were() -> None:
    few, many_more = (make_splits(DataConfig(folds=3, repeats=repeats), 30) for repeats in (2, 4))
    assert parts(few) == parts(many_more)[: len(few)]


def test_variants_share_their_splits_unless_reshuffled() -> None:
    shared, own = DataConfig(folds=3), DataConfig(folds=3, reshuffle=True)
    assert parts(make_splits(shared, 30, "a")) == parts(make_splits(shared, 30, "b"))
    assert parts(make_splits(own, 30, "a")) != parts(make_splits(own, 30, "b"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (DataConfig(folds=31), r"^data.folds must be at most 30, the number of labelled images, but got 31$"),
        (DataConfig(eval_size=30), r"^data.eval_size must be below 30, the number of labelled images, but got 30$"),
    ],
)
def test_too_few_images_are_said(data: DataConfig, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make_splits(data, 30)


def test_as_many_folds_as_images_leave_one_out_each() -> None:
    splits = make_splits(DataConfig(folds=30), 30)
    assert sorted(split.held_out.tolist() for split in splits) == [[image] for image in range(30)]


def test_whole_trains_on_every_image_and_holds_out_none() -> None:
    splits = whole(5, 2)
    assert [(split.repeat, split.fold) for split in splits] == [(0, 0), (1, 0)]
    assert parts(splits) == [([0, 1, 2, 3, 4], [])] * 2


@pytest.mark.parametrize(
    "data", [{"folds": 5, "repeats": 3}, {"eval_size": 20}, {"folds": 7}, {"eval_size": 3}], ids=str
)
def test_half_of_what_a_split_holds_out_is_in_each_half(data: dict[str, int]) -> None:
    for seed in range(5):
        splits = make_splits(DataConfig(**data), 61)
        first = halves(splits, 61, seed)
        assert abs(2 * first.sum() - 61) <= 1
        for split in splits[: data.get("folds", 1)]:
            assert abs(2 * first[split.held_out].sum() - len(split.held_out)) <= 1


def test_of_several_single_splits_each_has_images_in_both_halves() -> None:
    splits = make_splits(DataConfig(eval_size=20, repeats=4), 61)
    first = halves(splits, 61, 0)
    assert all(0 < first[split.held_out].sum() < 20 for split in splits)
    assert not np.array_equal(first, halves(splits, 61, 1))
