import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.results.pruning import pruning


def files(trial: str, *numbers: int, weights: int = 90) -> dict[str, int]:
    return {
        f"{trial}/checkpoint_{number:06d}/{name}": size
        for number in numbers
        for name, size in (("checkpoint.pt", weights), ("out_of_fold.npz", 10))
    }


def folder(trial: str, number: int) -> str:
    return f"{trial}/checkpoint_{number:06d}"


EXPERIMENT = {"manifest.yaml": 50, **files("a", 1, 2, 3), **files("b", 1, 2, 3, 4), **files("finals/round-1/a", 7)}


@pytest.mark.parametrize(
    ("budget", "gone"),
    [
        (900, []),
        (850, []),
        (849, [folder("a", 1)]),
        (650, [folder("a", 1), folder("a", 2)]),
        (649, [folder("a", 1), folder("a", 2), folder("b", 1)]),
        (549, [folder("a", 1), folder("a", 2), folder("b", 1), folder("b", 2)]),
        (
            449,
            [*(folder("a", n) for n in (1, 2)), *(folder("b", n) for n in (1, 2)), f"{folder('a', 3)}/checkpoint.pt"],
        ),
    ],
)
def test_the_oldest_of_those_that_have_ended_go_first(budget: int, gone: list[str]) -> None:
    found = pruning(EXPERIMENT, budget, {"b"}, ())
    assert list(found.paths) == gone
    assert found.total <= budget


def test_what_is_needed_stays_and_what_is_too_much_is_told() -> None:
    needed = {folder("a", 1), folder("a", 3)}
    found = pruning(EXPERIMENT, 0, {"b"}, needed)
    assert not needed & set(found.paths)
    assert found.total == 50 + 2 * 100 + 2 * 100 + 10


trials = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sets(st.integers(0, 20), min_size=1, max_size=6))


@given(trials, st.sets(st.sampled_from(["a", "b", "c"])), st.integers(0, 3000), st.data())
def test_nothing_that_is_needed_ever_goes(
    numbers: dict[str, set[int]], live: set[str], budget: int, data: st.DataObject
) -> None:
    sizes = {name: size for trial, held in numbers.items() for name, size in files(trial, *held).items()}
    places = sorted(folder(trial, number) for trial, held in numbers.items() for number in held)
    needed = data.draw(st.sets(st.sampled_from(places))) if places else set()
    found = pruning(sizes, budget, live, needed)
    gone = {place for path in found.paths for place in places if re.match(re.escape(place), path)}
    assert not gone & needed
    for trial, held in numbers.items():
        last = sorted(held)[-2 if trial in live else -1 :]
        assert not {folder(trial, number) for number in last} & set(found.paths)
    left = sum(size for name, size in sizes.items() if not any(name.startswith(path) for path in found.paths))
    assert found.total == left
    assert found.total <= budget or not set(found.paths) ^ set(pruning(sizes, 0, live, needed).paths)
