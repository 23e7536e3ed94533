import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from tuner.results.evidence import Evidence
from tuner.selection.measured import Measured
from tuner.selection.standings import baseline_standings, standings_of

Make = Callable[..., Evidence]
LEVELS = {"base": 0.5, "a": 0.4, "b": 0.41, "c": 0.8, "d": 0.3, "e": 0.6, "f": 0.2}


@pytest.fixture
def evidence(make_evidence: Make) -> Evidence:
    """`base` and `c` leave the finals, `d` and `e` were not there, `f` diverged in the search."""
    finalists = {name: LEVELS[name] for name in ("base", "a", "b", "c")}
    found = make_evidence(LEVELS, finals=finalists, rounds={"c": 1}, status={"f": "diverged", "e": "stopped"})
    found.finals["b"].predictions[:, :, 7] += 5  # one image makes its RMSE high and tells little
    return found


def test_finalists_come_first_then_who_left_then_the_others_then_who_has_no_number(evidence: Evidence) -> None:
    rows = standings_of(Measured(evidence, 2))
    assert [row.name for row in rows] == ["a", "b", "base", "c", "d", "e", "f"]
    assert [row.stage for row in rows] == ["finals"] * 4 + ["search"] * 3
    assert [row.status for row in rows] == [*["finished"] * 2, *["dropped"] * 2, "finished", "stopped", "diverged"]
    assert [row.repeats for row in rows] == [2, 2, 2, 1, 1, 1, 0]
    values = [row.rmse.value for row in rows if row.rmse]
    assert len(values) == 6
    assert values[1] > values[2]


def test_a_number_is_of_the_stage_that_the_row_names(evidence: Evidence) -> None:
    measured = Measured(evidence, 2)
    for row in standings_of(measured)[:-1]:
        scores = (measured.finals if row.stage == "finals" else measured.search)[row.name]
        assert row.rmse is not None
        assert row.rmse.value == scores.rmse
        assert row.neuron_rmse == scores.neuron_rmse
        assert row.search_rmse == LEVELS[row.name]


def test_differences_are_to_the_control_of_the_same_stage(evidence: Evidence) -> None:
    rows = {row.name: row for row in standings_of(Measured(evidence, 2))}
    assert rows["base"].difference is None
    for name in "acde":
        difference = rows[name].difference
        assert difference is not None
        assert difference.value == pytest.approx(LEVELS[name] - 0.5, abs=0.02)


def test_p_values_of_finalists_are_corrected_for_all_that_were_tried(evidence: Evidence) -> None:
    rows = {row.name: row for row in standings_of(Measured(evidence, 2))}
    found = {name: row.p for name, row in rows.items() if row.p is not None}
    assert set(found) == {"a", "b", "c"}
    raw = {name: row.difference.p for name, row in rows.items() if row.difference}
    first, second, third = sorted(found, key=raw.__getitem__)
    assert found[first] == pytest.approx(5 * raw[first], abs=0)  # a to e were tried
    assert found[second] == pytest.approx(max(found[first], 4 * raw[second]), abs=0)
    assert found[third] == 1.0


def test_without_finals_all_variants_but_the_control_are_tested(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.5, "b": 0.5, "c": 0.5})
    rows = standings_of(Measured(evidence, 2))
    raw = {row.name: row.difference.p for row in rows if row.difference}
    lowest = min(raw, key=raw.__getitem__)
    found = {row.name: row.p for row in rows}
    assert found["base"] is None
    assert found[lowest] == pytest.approx(min(1.0, 3 * raw[lowest]))


def test_what_a_row_tells_beside_the_numbers(make_evidence: Make) -> None:
    evidence = make_evidence(
        {"base": 0.5, "a": 0.4, "a+b": 0.4}, finals={"base": 0.5, "a": 0.4}, macs={"a": 77}, status={"a+b": "failed"}
    )
    rows = {row.name: row for row in standings_of(Measured(evidence, 2))}
    assert (rows["a"].macs, rows["a"].step, rows["a"].mutations) == (77, 6, ("a",))
    assert rows["a"].seconds == 40.0 + 10.0
    assert rows["a+b"].seconds == 40.0
    assert rows["a+b"].mutations == ("a", "b")
    assert (rows["a+b"].status, rows["a+b"].error) == ("failed", "MemoryError: too much")


def test_a_trial_that_measured_nothing_is_the_last_row(make_evidence: Make) -> None:
    evidence = make_evidence({"base": 0.5, "a": 0.4})
    nothing = replace(evidence.records[1], measurements=(), status="failed")
    found = replace(evidence, records=(evidence.records[0], nothing), search={"base": evidence.search["base"]})
    row = standings_of(Measured(found, 2))[-1]
    assert (row.name, row.rmse, row.difference, row.p, row.step, row.search_rmse) == ("a", *[None] * 5)
    assert (row.neuron_rmse, row.seconds) == ((), 0.0)


def test_baselines_are_compared_with_the_control(make_evidence: Make) -> None:
    levels = {"base": 0.5, "a": 0.4}
    evidence = make_evidence(levels, finals=levels, baselines={"mean predictor": 0.7, "ridge": 0.45})
    control = Measured(evidence, 2).finals["base"]
    mean, ridge = baseline_standings(evidence, control)
    assert (mean.name, ridge.name, ridge.stage, ridge.repeats) == ("mean predictor", "ridge", "baseline", 2)
    for row, level in ((mean, 0.7), (ridge, 0.45)):
        assert row.rmse is not None
        assert row.difference is not None
        assert row.rmse.value == pytest.approx(level, abs=0.02)
        assert row.difference.value == pytest.approx(level - 0.5, abs=0.02)
        assert row.difference.p < 0.01
        assert len(row.neuron_rmse) == 2
        assert not any(math.isnan(value) for value in row.neuron_rmse)
    assert [row.difference for row in baseline_standings(evidence, None)] == [None, None]
