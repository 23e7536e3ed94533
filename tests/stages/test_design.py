import pytest

from tuner.config import Config, TrainingConfig
from tuner.results.entry import Entry
from tuner.settings import build
from tuner.stages.design import interval_of, members_of


@pytest.mark.parametrize(
    ("max_steps", "eval_steps", "expected"),
    [(150, 5, 20), (180, 6, 24), (1000, 50, 100), (50, 5, 10), (10, 5, 10), (9, 50, 100), (800, 1, 100)],
)
def test_members_are_compared_eight_times_but_after_two_evaluations_at_the_soonest(
    max_steps: int, eval_steps: int, expected: int
) -> None:
    training = build(Config, {"training": {"max_steps": max_steps, "eval_steps": eval_steps}}).training
    assert interval_of(None, training) == expected
    assert interval_of(35, training) == 35


def test_an_interval_is_of_the_defaults_too() -> None:
    assert interval_of(None, TrainingConfig()) == 100


@pytest.mark.parametrize(
    ("variants", "size", "starts"),
    [("", 3, "base base"), ("a", 4, "a a a"), ("a b", 4, "a b a"), ("a b c d", 3, "a b c d"), ("a b", 3, "a b")],
)
def test_members_begin_with_the_variants_and_some_twice_if_they_are_few(variants: str, size: int, starts: str) -> None:
    entries = tuple(Entry(name, Config(), (name,)) for name in ("base", *variants.split()))
    control, *members = members_of(entries, size)
    assert control == entries[0]
    assert [member.name for member in members] == [f"member-{number}" for number in range(1, len(members) + 1)]
    assert [member.mutations[0] for member in members] == starts.split()
