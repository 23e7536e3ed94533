from pathlib import Path

import pytest

from tuner.folder import Folder
from tuner.results.spent import FILE, NOTHING, Machine, Spent, Use, read_spent

SPOT, HEAD, STRANGE = Machine("g5.xlarge spot", 0.36), Machine("m7i.large on-demand", 0.1), Machine("p9 spot", None)


def test_each_machine_is_paid_for_by_the_second() -> None:
    spent = Spent(as_of="2026-06").after([HEAD, SPOT, SPOT], 1800)
    assert spent == Spent((Use(HEAD.name, 1800, 0.05), Use(SPOT.name, 3600, 0.36)), "2026-06")
    assert spent.dollars == pytest.approx(0.41)


def test_it_adds_up_in_whatever_parts_it_is_told() -> None:
    at_once = NOTHING.after([HEAD, SPOT], 100)
    parts = NOTHING.after([HEAD, SPOT], 25).after([SPOT, HEAD], 75)
    assert parts.dollars == pytest.approx(at_once.dollars)
    assert [use.seconds for use in parts.uses] == [100, 100]
    assert at_once.after([], 1e6) == at_once


def test_a_machine_without_a_price_has_its_time_and_no_dollars() -> None:
    spent = NOTHING.after([STRANGE, HEAD], 36000)
    assert spent.uses[0] == Use(STRANGE.name, 36000, None)
    assert spent.dollars == pytest.approx(1.0)


def test_the_folder_gives_back_what_was_written(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path))
    assert read_spent(folder) == NOTHING
    spent = Spent(as_of="2026-06").after([STRANGE, HEAD], 12.5)
    folder.write(FILE, spent.dump())
    assert read_spent(folder) == spent


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"uses": [{}], "prices": ""}', '{"uses": 3, "prices": ""}'])
def test_a_file_that_is_not_whole_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_spent(Folder.at(str(tmp_path))) == NOTHING
