import numpy as np

from tuner.selection.race import race
from tuner.selection.scores import Scores

L, N = 100, 3


def scores(level: float, repeats: int, seed: int) -> tuple[Scores, ...]:
    """After each round of one repeat."""
    rng = np.random.default_rng(seed)
    errors = level + 0.1 * rng.standard_normal((repeats, L, N))
    folds = np.tile(np.arange(L) % 5, (repeats, 1))
    last = Scores(errors.astype(np.float32), np.zeros((L, N), np.float32), folds)
    return tuple(last.of_repeats(count) for count in range(1, repeats + 1))


def test_who_is_clearly_worse_leaves_and_equals_stay() -> None:
    found = race({"base": scores(0.5, 1, 0), "same": scores(0.5, 1, 1), "bad": scores(0.9, 1, 2)}, looks=2)
    assert (found.rounds, found.dropped, found.alive) == (1, {"bad": 1}, ("base", "same"))
    assert not found.decided


def test_a_race_with_one_left_is_decided_and_the_control_runs_on() -> None:
    found = race({"base": scores(0.9, 1, 0), "good": scores(0.5, 1, 1)}, looks=2)
    assert found.decided
    assert found.running("base") == ("base", "good")


def test_a_round_that_somebody_has_not_run_is_not_looked_at() -> None:
    found = race({"a": scores(0.5, 2, 0), "b": scores(0.9, 1, 1), "c": scores(0.5, 1, 2)}, looks=2)
    assert (found.rounds, found.dropped) == (1, {"b": 1})


def test_who_fails_leaves() -> None:
    found = race({"a": scores(0.5, 2, 0), "b": scores(0.5, 1, 1), "c": scores(0.5, 2, 2)}, 2, failed={"b"})
    assert found.dropped == {"b": 1}
    assert found.rounds == 2


def test_a_null_race_seldom_drops_anybody() -> None:
    races = [race({str(k): scores(0.5, 2, 100 * n + k) for k in range(4)}, looks=2) for n in range(100)]
    assert sum(bool(found.dropped) for found in races) <= 10
