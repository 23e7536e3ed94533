from dataclasses import replace
from typing import Any

import pytest

from tests.reporting.conftest import Sample
from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.folder import Folder
from tuner.mutation.expand import Expansion, Variant
from tuner.reporting.summary import SHOWN, announcement, summary
from tuner.results.promotion import Interval
from tuner.results.spent import Spent, Use
from tuner.results.strategy import Strategy

FOLDER = Folder("/results/g/n")


def test_the_winner_stands_beside_the_base_config_and_the_baselines(sample: Sample) -> None:
    verdict = sample.verdict
    lines = summary(verdict, FOLDER, "this")
    assert f"winner: {verdict.winner.name}, since {verdict.reason}" in lines
    text = "\n".join(lines)
    assert verdict.comparison in text
    assert f"{verdict.promotion.expected.rmse:.4f} (95 % interval" in text
    assert "the lowest of its curve" in text
    for baseline in verdict.baselines:
        assert baseline.name in text
    assert "bundle:      /results/g/n/best" in lines


def test_a_schedule_is_called_that(bred: Sample) -> None:
    winner = bred.verdict.winner
    chosen = f"winner: {winner.name}, a schedule of {winner.num_configs} configs, since {bred.verdict.reason}"
    assert chosen in summary(bred.verdict, FOLDER, "this")


def test_a_bundle_that_loses_to_a_baseline_is_called_that_first(sample: Sample) -> None:
    promotion = replace(sample.verdict.promotion, expected=Interval(9.0, 8.9, 9.1))
    lines = summary(replace(sample.verdict, promotion=promotion), FOLDER, "this")
    assert lines[1].startswith("WARNING: The bundle loses to ")


def test_a_bundle_is_announced_only_if_there_is_one(sample: Sample) -> None:
    assert not any(line.startswith("bundle") for line in summary(sample.verdict, FOLDER, "none"))


def test_what_it_cost_is_said_where_it_is_known(sample: Sample) -> None:
    spent = Spent((Use("g5.xlarge spot", 3600, 0.45),), "2026-06")
    lines = summary(sample.verdict, FOLDER, "this", spent)
    assert lines[-1] == "cost:        about $0.45 (prices of 2026-06): 60 min of g5.xlarge spot"
    assert lines[:-1] == summary(sample.verdict, FOLDER, "this")


def test_the_announcement_says_what_data_it_is_first_and_stays_short(dataset: Dataset) -> None:
    repeated = tuple((f"way{number}", "base") for number in range(SHOWN + 3))
    lines = announcement(dataset, Expansion((Variant("base", Config()),), repeated, ("no",)), Config())
    assert lines[0] == "data in somewhere: 30 labelled images of 36, 4 neurons"
    assert lines[1] == "1 variant, the control `base` among them; 20 images held out"
    assert lines[2] == "  way0 gives the same config as base: one trial"
    assert lines[2 + SHOWN :] == ["  and 3 more like the last", "  left out: no"]
    simulated = announcement(replace(dataset, source="simulated"), Expansion((), (), ()), Config())
    assert simulated[0].startswith("SIMULATED data")


@pytest.mark.parametrize(
    ("variants", "options", "expected"),
    [
        (3, {}, ["3 variants, the control `base` among them"]),
        (5, {"search": "random", "samples": 4}, ["5 variants, the control `base` among them"]),
        (
            3,
            {"search": "random"},
            [
                "3 variants, the control `base` among them",
                "2 variants beside the control in place of 16: the mutations file gave no more that are different",
            ],
        ),
        (1, {"search": "optuna", "samples": 9}, ["up to 9 variants that Optuna suggests, and the control `base`"]),
        (24, {"search": "pbt"}, ["a population of 8, the best of 24 that begin, the control `base` among them"]),
        (
            3,
            {"search": "pbt", "samples": 5, "population": 4},
            [
                "a population of 4, the control `base` among them",
                "2 variants beside the control in place of 5: the mutations file gave no more that are different",
            ],
        ),
    ],
)
def test_how_many_variants_there_will_be_is_announced(
    dataset: Dataset, variants: int, options: dict[str, Any], expected: list[str]
) -> None:
    found = Expansion(tuple(Variant(str(number), Config()) for number in range(variants)), (), ())
    first, *others = announcement(dataset, found, Config(), Strategy.of(options))[1:]
    assert [first.split(";")[0], *others] == expected
