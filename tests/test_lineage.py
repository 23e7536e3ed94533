import json

import pytest

from tuner.config import Config
from tuner.errors import InputError
from tuner.lineage import Phase, dump_lineage, holder, read_lineage, single, until, with_configs
from tuner.settings import replaced


def faster(config: Config) -> Config:
    return replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})


@pytest.fixture
def lineage(config: Config) -> tuple[Phase, ...]:
    return (*single(config), Phase(10, faster(config), ("change_training",), "member-2"), Phase(25, config))


def test_a_lineage_survives_being_written(lineage: tuple[Phase, ...]) -> None:
    assert read_lineage(dump_lineage(lineage), "there") == lineage


@pytest.mark.parametrize(("step", "phases"), [(0, 1), (10, 1), (11, 2), (25, 2), (26, 3), (1000, 3)], ids=str)
def test_a_phase_begins_with_the_first_step_that_is_taken_in_it(
    lineage: tuple[Phase, ...], step: int, phases: int
) -> None:
    assert until(lineage, step) == lineage[:phases]


def test_configs_change_and_nothing_else(lineage: tuple[Phase, ...], config: Config) -> None:
    found = with_configs(lineage, faster)
    assert {phase.config for phase in found} == {faster(config)}
    assert [(phase.step, phase.mutations, phase.donor) for phase in found] == [
        (phase.step, phase.mutations, phase.donor) for phase in lineage
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"step": 0}',
        '[{"step": 0}]',
        "[" * 100_000,
        '[{"step": true, "config": {}, "mutations": [], "donor": ""}]',
        '[{"step": 0, "config": {}, "mutations": [1], "donor": ""}]',
        '[{"step": 0, "config": {"modle": {}}, "mutations": [], "donor": ""}]',
        '[{"step": 5, "config": {}, "mutations": [], "donor": ""}]',
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_lineage_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="there is not a whole lineage: "):
        read_lineage(text, "there")


def test_steps_never_go_back(lineage: tuple[Phase, ...]) -> None:
    phases = json.loads(dump_lineage(lineage))
    with pytest.raises(InputError, match="begins at step 0 and goes on from there"):
        read_lineage(json.dumps([phases[0], phases[2], phases[1]]), "there")


@pytest.mark.parametrize(
    ("step", "trial"), [(0, "member-2"), (10, "member-2"), (11, "member-3"), (20, "member-3"), (21, "")]
)
def test_networks_were_anothers_until_they_were_handed_on(config: Config, step: int, trial: str) -> None:
    handed_on = (Phase(0, config), Phase(10, config, (), "member-2"), Phase(20, config, (), "member-3"))
    assert holder(handed_on, step) == trial
    assert holder((), step) == ""
