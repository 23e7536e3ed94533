from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.splits import make_splits
from tuner.lineage import Lineage, Phase, until
from tuner.results.entry import Entry
from tuner.results.evidence import Evidence
from tuner.results.evolution import Evolution
from tuner.results.policy import Policy
from tuner.results.record import Descent, Measurement, TrialRecord
from tuner.selection.ancestry import branches_of, evolution_of
from tuner.selection.decide import decide
from tuner.selection.measured import Measured
from tuner.settings import replaced

Make = Callable[..., Evidence]
INHERITED = "inherited 94 % of 9.5 k weights"
NO_DONOR = Descent(0, "", (), "")


def row(step: int, rmse: float, descent: Descent | None) -> Measurement:
    return Measurement(step, rmse, 0.01, 0.0, (), (), (), (), float(step), "", descent)


def bred(evidence: Evidence, rows: dict[str, list[Measurement]], lineages: dict[str, Lineage]) -> Evidence:
    """The evidence of a population with these rows and lineages."""
    entries = tuple(Entry.of(name, lineage) for name, lineage in lineages.items())
    records = tuple(
        TrialRecord(entry.name, entry.mutations, "finished", tuple(rows[entry.name]), 100, 10) for entry in entries
    )
    return replace(evidence, entries=entries, records=records)


@pytest.fixture
def evidence(make_evidence: Make, config: Config) -> Evidence:
    """At step 4 `two` goes on from `one`, which at step 6 is replaced by what `two` has become."""
    start = {name: Descent(0, "", (name[0],), "") for name in ("one", "two")}
    second, third = Descent(4, "one", ("x",), INHERITED), Descent(6, "two", ("y", "z"), INHERITED)
    rows = {
        "base": [row(step, 0.5, NO_DONOR) for step in (2, 4, 6, 8)],
        "one": [*(row(step, 0.4 - step / 100, start["one"]) for step in (2, 4, 6)), row(8, 0.2, third)],
        "two": [
            *(row(step, 0.6, start["two"]) for step in (2, 4)),
            row(6, 0.33, second),
            row(8, 0.3, replace(second, inherited="")),
        ],
    }
    first = Phase(0, config, ("o",))
    lineages = {
        "base": (Phase(0, config),),
        "one": (first, Phase(4, config, ("x",), "one"), Phase(6, config, ("y", "z"), "two")),
        "two": (first, Phase(4, config, ("x",), "one")),
    }
    return bred(make_evidence(dict.fromkeys(lineages, 0.4)), rows, lineages)


def test_a_members_rows_are_parted_where_it_was_replaced(evidence: Evidence) -> None:
    found = [branch for record in evidence.records for branch in branches_of(record)]
    assert [(one.member, one.step, one.donor, one.steps) for one in found] == [
        ("base", 0, "", (2, 4, 6, 8)),
        ("one", 0, "", (2, 4, 6)),
        ("one", 6, "two", (8,)),
        ("two", 0, "", (2, 4)),
        ("two", 4, "one", (6, 8)),
    ]
    assert [one.inherited for one in found] == ["", "", INHERITED, "", INHERITED]
    assert found[2].mutations == ("y", "z")


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (8, [("one", (2, 4), ("o",)), ("two", (6,), ("x",)), ("one", (8,), ("y", "z"))]),
        (6, [("one", (2, 4), ("o",)), ("two", (6,), ("x",))]),
        (4, [("one", (2, 4), ("o",))]),
        (2, [("one", (2,), ("o",))]),
        (99, [("one", (2, 4), ("o",)), ("two", (6,), ("x",)), ("one", (8,), ("y", "z"))]),
    ],
)
def test_the_winners_path_leads_through_who_handed_its_networks_on(
    evidence: Evidence, step: int, path: list[object]
) -> None:
    found = evolution_of(evidence, "one", step)
    assert [(one.member, one.steps, one.mutations) for one in found.path] == path


def test_a_stage_that_no_row_tells_of_has_no_evaluations(evidence: Evidence) -> None:
    cut = replace(evidence.records[1], measurements=evidence.records[1].measurements[:-1])
    found = evolution_of(replace(evidence, records=(evidence.records[0], cut, evidence.records[2])), "one", 8)
    assert [(one.member, one.steps, one.donor) for one in found.path][-1] == ("one", (), "two")


def test_the_path_is_the_curve_of_the_networks_that_were_copied(make_evidence: Make, config: Config) -> None:
    """Outside oracle: networks that carry their past along while they are copied from member to member."""
    rng = np.random.default_rng(0)
    names = ("base", *(f"member-{number}" for number in range(1, 7)))
    rows: dict[str, list[Measurement]] = {name: [] for name in names}
    pasts: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    descents = dict.fromkeys(names, NO_DONOR)
    lineages: dict[str, Lineage] = dict.fromkeys(names, (Phase(0, config),))
    for step in range(2, 42, 2):
        for name in names:
            pasts[name] = [*pasts[name], (step, float(rng.random()))]
            rows[name].append(row(step, pasts[name][-1][1], descents[name]))
        if step % 6 == 0:
            one, other, *donors = rng.permutation(names[1:])
            for replaced, donor in ((one, donors[0]), (other, donors[-1])):
                pasts[replaced], descents[replaced] = pasts[donor], Descent(step, donor, (f"at {step}",), "")
                lineages[replaced] = (*lineages[donor], Phase(step, config, (f"at {step}",), donor))
    evidence = bred(make_evidence(dict.fromkeys(names, 0.4)), rows, lineages)
    for name in names:
        for step in (6, 7, 40, 1000):
            path = evolution_of(evidence, name, step).path
            drawn = [point for one in path for point in zip(one.steps, one.rmse, strict=True)]
            assert drawn == [point for point in pasts[name] if point[0] <= step]
    assert max(len(evolution_of(evidence, name, 40).path) for name in names) > 3


def test_the_verdict_of_a_population_tells_of_no_single_mutation(evidence: Evidence) -> None:
    verdict = decide(evidence, Policy(rule="best"))
    assert verdict.evolution == evolution_of(evidence, verdict.winner.name, verdict.winner.step or 0)
    assert (verdict.effects, verdict.importances) == ((), {})
    rows = {one.name: one for one in verdict.standings}
    assert (rows["one"].mutations, rows["one"].begins) == (("o", "x", "y", "z"), (0, 4, 6, 6))
    assert (rows["base"].mutations, rows["base"].begins) == ((), ())


def test_a_schedule_is_as_low_and_as_large_as_what_its_networks_were(evidence: Evidence, config: Config) -> None:
    """At its best step, 6, `one` is in its second phase; in the rows before it was replaced it had other networks."""
    large = replaced(config, {"model": replaced(config.model, {"image_size": 20})})
    first, second, third = evidence.entries[1].lineage
    entries = (evidence.entries[0], Entry.of("one", (first, second, replace(third, config=large))), evidence.entries[2])
    rows = list(evidence.records[1].measurements)
    records = (evidence.records[0], replace(evidence.records[1], measurements=(replace(rows[0], rmse=0.1), *rows[1:])))
    evidence = replace(evidence, entries=entries, records=(*records, evidence.records[2]))
    one = next(row for row in decide(evidence, Policy()).standings if row.name == "one")
    cost = cost_of(config.model, 4)
    assert (one.step, one.parameters, one.macs) == (6, cost.parameters, cost.macs)
    assert one.search_rmse == pytest.approx(0.4, abs=0.01)


def test_finalists_of_one_image_size_at_their_best_step_are_alike(evidence: Evidence, config: Config) -> None:
    large = replaced(config, {"model": replaced(config.model, {"image_size": 20})})
    first, second, third = evidence.entries[1].lineage
    later = Entry.of("one", (first, second, replace(third, config=large)))
    evidence = replace(evidence, entries=(evidence.entries[0], later, evidence.entries[2]))
    verdict = decide(evidence, Policy(rule="best", ensemble="finals"))
    assert {member.config.model.image_size for member in verdict.promotion.members} == {config.model.image_size}
    assert "one" in {member.variant for member in verdict.promotion.members}


@pytest.mark.parametrize(("begins", "finalists"), [(0, ["base", "one"]), (-1, ["base", "one", "two"])])
def test_members_that_are_one_schedule_until_their_best_step_are_one(
    evidence: Evidence, config: Config, begins: int, finalists: list[str]
) -> None:
    one, step = evidence.entries[1], Measured(evidence, 1).search_curves["one"].step
    changed = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})
    two = Entry.of("two", (*until(one.lineage, step), Phase(step + begins, changed, ("faster",), "one")))
    search = {**evidence.search, "two": evidence.search["one"]}
    again = replace(evidence, entries=(evidence.entries[0], one, two), search=search)
    assert sorted(Measured(again, 1).distinct) == finalists


def test_images_of_a_fold_that_nothing_is_told_of_were_not_trained_on_either(
    evidence: Evidence, make_evidence: Make, config: Config
) -> None:
    trained = make_splits(config.data, len(evidence.responses))
    folds = np.full((1, len(evidence.responses)), -1)
    for split in trained:
        folds[0, split.held_out[::2]] = split.fold
    for told, split in zip(evidence.splits(folds), trained, strict=True):
        assert np.array_equal(told.train, split.train)
        assert np.array_equal(told.held_out, split.held_out[::2])
    another = make_evidence({"base": 0.5}).splits(folds)  # images that no fold holds out are trained on in all
    assert [len(split.train) + len(split.held_out) for split in another] == [len(evidence.responses)] * 3


def test_another_search_has_no_population_and_its_effects(make_evidence: Make) -> None:
    verdict = decide(make_evidence({"base": 0.5, "a": 0.4}), Policy())
    assert verdict.evolution == Evolution()
    assert len(verdict.effects) == 1
    assert all(one.begins == () for one in verdict.standings)
