import csv
import io
import json

import pytest

from tuner.results.history import history_until, rows_in, table_until


def line(step: int, rmse: float = 0.5) -> str:
    return json.dumps({"step": step, "rmse": rmse, "neuron": {"r2": {"a": rmse}}})


def text(*lines: str) -> str:
    return "".join(f"{one}\n" for one in lines)


def test_a_history_ends_with_its_last_step_and_has_each_once() -> None:
    before = text(line(2), line(4), line(4, 0.4), line(6))
    assert history_until(before, 4) == text(line(2), line(4, 0.4))


def test_carried_lines_fill_gaps_and_count_more() -> None:
    assert history_until(text(line(2), line(8)), 6, [line(2, 0.1), line(4), line(6)]) == text(
        line(2, 0.1), line(4), line(6)
    )


@pytest.mark.parametrize("broken", ['{"step": 4, "rm', "[]", '{"step": "4"}', '{"step": true}', "", "[" * 100_000])
def test_a_line_that_is_none_is_left_out(broken: str) -> None:
    assert history_until(text(line(2), broken), 9) == text(line(2))
    assert [row["step"] for row in rows_in([line(2), broken])] == [2]


def table(*rows: tuple[int, float]) -> str:
    return "step,rmse,neuron/r2/a,pid\r\n" + "".join(f"{step},{rmse},{rmse},77\r\n" for step, rmse in rows)


def test_a_table_has_the_rows_of_its_history() -> None:
    before = table((2, 0.5), (4, 0.5), (4, 0.4), (8, 0.3)) + "10,0."
    rows = list(csv.DictReader(io.StringIO(table_until(before, text(line(2), line(4, 0.4), line(6, 0.2))))))
    assert [(row["step"], row["neuron/r2/a"], row["pid"]) for row in rows] == [
        ("2", "0.5", "77"),
        ("4", "0.4", "77"),
        ("6", "0.2", ""),
    ]


@pytest.mark.parametrize("before", ["", 'step,"', "\r\n"])
def test_without_a_table_there_is_one_of_the_historys_rows(before: str) -> None:
    expected = "step,rmse,neuron/r2/a\r\n2,0.5,0.5\r\n4,0.4,0.4\r\n"
    assert table_until(before, text(line(2), line(4, 0.4))) == expected
    assert table_until("", "") == ""
