import json
import math

from tuner.results.evolution import NO_EVOLUTION, Branch, Evolution
from tuner.results.facts import evolved

BASE = Branch("base", 0, "", (), "", (4, 8, 12), (0.5, 0.4, 0.39))
FIRST = Branch("member-1", 0, "", ("a",), "", (4, 8), (0.6, math.nan))
SECOND = Branch("member-1", 8, "base", ("b",), "inherited 94 % of 9.5 k weights", (12,), (0.35,))
OTHER = Branch("member-2", 0, "", ("c",), "", (4,), (0.7,))
FOUND = Evolution((BASE, FIRST, SECOND, OTHER), (BASE, SECOND))


def test_a_replaced_member_gives_up_what_it_was_and_begins_where_its_donor_is() -> None:
    assert FOUND.members == ("base", "member-1", "member-2")
    assert FOUND.control == "base"
    assert FOUND.replacements == (SECOND,)
    assert FOUND.given_up == (FIRST,)
    assert FOUND.begun_at(SECOND) == 0.4
    assert math.isnan(FOUND.begun_at(BASE))
    assert math.isnan(OTHER.at(8))


def test_another_search_has_no_population() -> None:
    assert not NO_EVOLUTION
    assert (NO_EVOLUTION.control, NO_EVOLUTION.replacements, NO_EVOLUTION.given_up) == ("", (), ())
    assert FOUND


def test_the_verdicts_file_has_the_schedule_and_every_branch() -> None:
    found = json.loads(json.dumps(evolved(FOUND), allow_nan=False))
    begin = {"member": "member-1", "step": 8, "donor": "base", "inherited": SECOND.inherited, "mutations": ["b"]}
    assert found["schedule"][1] == {**begin, "rmse": 0.35}
    assert found["population"][2] == {**begin, "steps": [12], "rmse": [0.35]}
    assert found["population"][1]["rmse"] == [0.6, None]
    assert [one["member"] for one in found["population"]] == ["base", "member-1", "member-1", "member-2"]
    assert evolved(NO_EVOLUTION) == {}
