import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tuner.config import Config
from tuner.errors import ConfigError
from tuner.lineage import Phase, single
from tuner.mutation.functions import FUNCTIONS
from tuner.mutation.space import Grid, Range
from tuner.raytune.assignment import Assignment
from tuner.raytune.search.breeding import Breeding
from tuner.settings import replaced

SPACE = (
    Grid("change_training", (("learning_rate", Range(1e-4, 1e-1, log=True)),), "m.yaml:1"),
    Grid("add_dense_layer", (("num_units", (4, 8, 12)),), "m.yaml:2"),
)


@pytest.fixture
def breeding(config: Config) -> Breeding:
    return Breeding(
        space=SPACE,
        interval=4,
        quantile=0.25,
        structural=0.5,
        patience=8,
        control="base",
        starts=(config,),
        image_side=20,
        seed=3,
    )


def changed(config: Config, section: str, **changes: Any) -> Config:
    return replaced(config, {section: replaced(getattr(config, section), changes)})


@pytest.mark.parametrize(
    ("size", "numbers"), [(None, (24, 24)), (8, (24, 12, 8, 8)), (3, (5, 3)), (8, (6, 6)), (3, (7, 4, 3))], ids=str
)
def test_half_of_those_that_begin_go_on_until_so_few_are_left(
    breeding: Breeding, size: int | None, numbers: tuple[int, ...]
) -> None:
    for number, left in pairwise(numbers):
        assert replace(breeding, size=size).left_of(number) == left


def test_what_differs_in_nothing_that_members_share_fits(breeding: Breeding, config: Config) -> None:
    for other in (config, changed(config, "training", learning_rate=1.0), changed(config, "model", image_size=20)):
        assert breeding.fits(other) == other
    assert breeding.fits(changed(config, "model", num_classes=None)) == config


@pytest.mark.parametrize(
    ("section", "changes", "told"),
    [
        ("data", {"folds": 2}, "data would hold out other images, or evaluate at other steps, than the population"),
        (
            "data",
            {"random_seed": 8},
            "data would hold out other images, or evaluate at other steps, than the population",
        ),
        (
            "training",
            {"eval_steps": 3},
            "data would hold out other images, or evaluate at other steps, than the population",
        ),
        (
            "training",
            {"max_steps": 9},
            "data would hold out other images, or evaluate at other steps, than the population",
        ),
        ("model", {"num_classes": 5}, "model does not fit the data"),
        ("model", {"image_size": 21}, "model does not fit the data"),
    ],
)
def test_what_differs_in_what_members_share_does_not_fit(
    breeding: Breeding, config: Config, section: str, changes: dict[str, int], told: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(told)}$"):
        breeding.fits(changed(config, section, **changes))


@pytest.mark.parametrize("units", [1000, 65_536])
def test_a_network_may_grow_to_a_multiple_of_the_largest_at_the_start(
    breeding: Breeding, config: Config, units: int
) -> None:
    large = FUNCTIONS["add_dense_layer"](config, num_units=units)
    with pytest.raises(ConfigError, match=r"^model costs more than 4 times as much as any config at the start$"):
        breeding.fits(large)
    assert replace(breeding, starts=(config, large)).fits(large) == large


def test_evaluations_of_an_interval_are_whole(breeding: Breeding) -> None:
    assert [replace(breeding, interval=steps).evaluations for steps in (1, 2, 4, 6)] == [1, 1, 2, 3]


def assignments(config: Config) -> tuple[Assignment, Assignment]:
    wider = FUNCTIONS["change_conv_layer"](config, layer_id=0, num_filters=7)
    donor = Assignment("member-2", 22, (*single(config), Phase(4, wider, ("wider",), "member-3")), 5, to_the_end=True)
    return Assignment("member-1", 11, single(config), 5, to_the_end=True), donor


def test_a_child_is_its_donor_with_one_stage_more_and_keeps_its_own_name_and_seed(
    breeding: Breeding, config: Config
) -> None:
    own, donor = assignments(config)
    child = breeding.child(own.plain(), donor.plain(), 8)
    assert replace(child, lineage=own.lineage) == own
    assert child.lineage[:-1] == donor.lineage
    assert (child.lineage[-1].step, child.lineage[-1].donor) == (8, "member-2")
    assert len(child.lineage[-1].mutations) == 1
    assert child.config != donor.config


def test_a_childs_mutation_follows_from_seed_member_and_step(breeding: Breeding, config: Config) -> None:
    own, donor = assignments(config)

    def configs(bred: Breeding, member: str) -> list[Config]:
        return [bred.child(replace(own, name=member).plain(), donor.plain(), step).config for step in range(8, 80, 4)]

    found = configs(breeding, "member-1")
    assert found == configs(breeding, "member-1")
    assert len(set(found)) > 3
    assert found != configs(breeding, "member-9")
    assert found != configs(replace(breeding, seed=4), "member-1")


def test_where_no_mutation_is_possible_the_child_goes_on_with_its_donors_config(
    breeding: Breeding, config: Config
) -> None:
    own, donor = assignments(config)
    child = replace(breeding, space=()).child(own.plain(), donor.plain(), 8)
    assert child.lineage[-1] == Phase(8, donor.config, (), "member-2")
