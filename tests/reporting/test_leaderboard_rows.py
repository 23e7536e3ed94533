from dataclasses import replace
from typing import Any

import pytest

from tuner.reporting.figures.interval import WIDTH, place
from tuner.reporting.leaderboard_rows import SHOWN, duration, groups


def test_finalists_come_before_baselines_and_what_only_the_search_measured(sample: Any) -> None:
    found = groups(sample.verdict)
    assert [group.title.split(":")[0] for group in found] == [
        "Finals",
        "Baselines",
        "Only in the search",
        "Without a number",
    ]
    assert [len(group.rows) for group in found] == [4, 3, 2, 1]
    assert found[0].rows[0].role == "winner"
    assert {row.role for row in found[1].rows} == {"baseline"}
    assert found[3].rows[0].note == "failed: MemoryError: 12 GiB"


def test_places_number_the_measured_variants_alone(sample: Any) -> None:
    ranks = [row.rank for group in groups(sample.verdict) for row in group.rows]
    assert ranks == ["1", "2", "3", "4", "", "", "", "5", "6", ""]


def test_a_search_without_finals_has_its_own_group_first(sample: Any) -> None:
    standings = tuple(replace(one, stage="search") for one in sample.verdict.standings)
    found = groups(replace(sample.verdict, stage="search", winner=standings[0], standings=standings))
    assert [group.title.split(":")[0] for group in found] == ["Search", "Baselines", "Without a number"]


def test_rows_beyond_the_first_are_kept_for_later(make: Any) -> None:
    search = groups(make(variants=30, neurons=1).verdict)[2]
    assert len(search.rows) == SHOWN
    assert len(search.more) == 29 - 4 - SHOWN


def test_a_members_row_says_what_it_is_since_its_name_does_not(sample: Any, bred: Any) -> None:
    assert {row.made for group in groups(sample.verdict) for row in group.rows} == {""}
    rows = {row.name: row for group in groups(bred.verdict) for row in group.rows}
    winner = bred.verdict.winner
    assert rows[winner.name].made.startswith(f"a schedule of {winner.num_configs} configs: {winner.mutations[0]} then ")
    assert rows[winner.name].made.endswith(f" from step {winner.begins[-1]}")
    assert (rows["base"].made, rows["ridge"].made) == ("", "")


def test_a_value_off_the_axis_lies_at_its_edge() -> None:
    assert place(0.0, (1.0, 2.0)) < place(1.5, (1.0, 2.0)) == WIDTH / 2 < place(9.0, (1.0, 2.0)) < WIDTH


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (12.3, "12 s"), (300.0, "5 min"), (9000.0, "2.5 h")])
def test_a_time_has_a_fitting_unit(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
