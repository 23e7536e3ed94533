import pytest

from tuner.errors import InputError
from tuner.results.policy import Policy

RECORDED = {"rule": "best", "finalists": 4, "rounds": 1, "ensemble": "winner", "seeds": 3, "group": "demo"}


def test_a_commands_options_hold_all_of_the_policy() -> None:
    options = {"rule": "significant", "finalists": 0, "rounds": 3, "ensemble": "finals", "seeds": 9, "name": "first"}
    assert Policy.of(options) == Policy("significant", 0, 3, "finals", 9)


def test_what_is_not_given_is_as_recorded_and_what_is_given_holds() -> None:
    assert Policy.of({}, RECORDED) == Policy("best", 4, 1, "winner", 3)
    assert Policy.of({"rule": None, "seeds": None}, RECORDED) == Policy("best", 4, 1, "winner", 3)
    assert Policy.of({"rule": "one_se", "finalists": 0}, RECORDED) == Policy("one_se", 0, 1, "winner", 3)


@pytest.mark.parametrize("name", ["rule", "finalists", "rounds", "ensemble", "seeds"])
def test_an_experiment_of_an_earlier_version_is_told_as_one(name: str) -> None:
    without = {key: value for key, value in RECORDED.items() if key != name}
    with pytest.raises(
        InputError, match=f"the experiment's manifest has no {name}: an earlier version of tuner ran it"
    ):
        Policy.of({name: None}, without)
    assert Policy.of({name: RECORDED[name]}, without) == Policy.of({}, RECORDED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rule", "bogus"),
        ("rule", ["best"]),
        ("ensemble", "zzz"),
        ("finalists", -1),
        ("finalists", "all"),
        ("rounds", 0),
        ("rounds", "2"),
        ("seeds", 10**12),
        ("seeds", True),
        ("seeds", [1]),
    ],
)
def test_what_cannot_be_a_policy_is_named(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"the experiment's manifest has {name}: .*, which cannot be"):
        Policy.of({}, {**RECORDED, name: value})
