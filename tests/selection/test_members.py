from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tuner.selection.claim import Contender
from tuner.selection.members import Team, choose_team, mixture_of
from tuner.selection.nested import groups_of

R, L, N = 2, 200, 2
GROUPS = groups_of(L, 0)
Make = Callable[..., Contender]


def own_ways(count: int, seed: int, repeats: int = R) -> list[np.ndarray]:
    """Errors of configs that are equally good and err on different images."""
    rng = np.random.default_rng(seed)
    return [np.tile(rng.standard_normal((L, N)), (1, repeats, 1, 1)) for _ in range(count)]


@pytest.fixture
def equals(contender_of: Make) -> list[Contender]:
    return [contender_of(name, errors) for name, errors in zip("abc", own_ways(3, 0), strict=True)]


def names(contenders: tuple[Contender, ...]) -> str:
    return "".join(one.name for one in contenders)


def test_the_winner_alone_is_taken_where_that_is_asked_for(equals: list[Contender]) -> None:
    team = choose_team(equals[1], equals, GROUPS, ensemble="winner", seeds=5)
    assert (names(team.contenders), team.networks, team.reason) == ("b", 5, "networks of the winner alone")


@pytest.mark.parametrize(("count", "seeds", "networks"), [(2, 5, 3), (3, 5, 2), (3, 1, 2), (3, 9, 3), (2, 4, 2)])
def test_several_are_at_least_as_many_networks_together_and_two_of_each(
    equals: list[Contender], count: int, seeds: int, networks: int
) -> None:
    team = choose_team(equals[0], equals[:count], GROUPS, ensemble="finals", seeds=seeds)
    assert names(team.contenders) == "abc"[:count]
    assert team.networks == networks
    assert team.reason == f"the {count} finalists that are as good as the best"


def test_who_is_clearly_worse_is_no_equal(equals: list[Contender], contender_of: Make) -> None:
    worse = contender_of("d", 2 * own_ways(1, 1)[0])
    team = choose_team(equals[0], [worse, *equals], GROUPS, ensemble="finals", seeds=6)
    assert names(team.contenders) == "abc"


def test_auto_takes_several_that_err_on_different_images(equals: list[Contender]) -> None:
    team = choose_team(equals[0], equals, GROUPS, ensemble="auto", seeds=5)
    assert names(team.contenders) == "abc"
    together, alone = (float(word.rstrip(",")) for word in team.reason.split() if word[:2] in ("0.", "1."))
    assert (together, alone) == pytest.approx((1 / 3**0.5, 1.0), abs=0.1)


def test_auto_takes_the_winner_alone_where_the_others_only_err_more(contender_of: Make) -> None:
    good = own_ways(1, 2)[0]
    bad = good.copy()
    bad[:, :, 7] += 9.0  # a single image tells nothing for sure
    contenders = [contender_of("a", good), contender_of("b", bad)]
    assert names(choose_team(contenders[0], contenders, GROUPS, ensemble="finals", seeds=5).contenders) == "ab"
    team = choose_team(contenders[0], contenders, GROUPS, ensemble="auto", seeds=5)
    assert (names(team.contenders), team.networks) == ("a", 5)
    assert team.reason.startswith("networks of the winner alone: ")


def test_auto_believes_no_gain_from_a_single_repeat(contender_of: Make) -> None:
    contenders = [contender_of(name, errors) for name, errors in zip("ab", own_ways(2, 3, repeats=1), strict=True)]
    assert names(choose_team(contenders[0], contenders, GROUPS, ensemble="auto", seeds=5).contenders) == "a"
    assert names(choose_team(contenders[0], contenders, GROUPS, ensemble="finals", seeds=5).contenders) == "ab"


@pytest.mark.parametrize(("winner", "members"), [(0, "a"), (1, "bc")])
def test_a_bundle_takes_images_of_one_size(contender_of: Make, winner: int, members: str) -> None:
    sizes = (64, 48, 48)
    contenders = [
        contender_of(name, errors, image_size=size)
        for name, errors, size in zip("abc", own_ways(3, 4), sizes, strict=True)
    ]
    team = choose_team(contenders[winner], contenders, GROUPS, ensemble="finals", seeds=5)
    assert names(team.contenders) == members


def test_the_expected_rmse_is_that_of_the_mean_of_all_networks(contender_of: Make) -> None:
    rng = np.random.default_rng(5)
    one, other = (0.5 * rng.standard_normal((L, N)) for _ in range(2))
    sd, found = 0.8, []
    for _ in range(100):
        both = [
            contender_of(name, bias + sd * rng.standard_normal((1, R, L, N)))
            for name, bias in (("a", one), ("b", other))
        ]
        found.append(mixture_of(Team(tuple(both), 3, "made up"), GROUPS).rmse ** 2)
    expected = float(np.square((one + other) / 2).mean()) + sd**2 / 6
    assert np.mean(found) == pytest.approx(expected, rel=0.03)  # its standard error is 0.006 of it


def test_the_steps_of_a_team_are_those_for_many_networks(contender_of: Make) -> None:
    rng = np.random.default_rng(6)
    in_common, of_their_own = np.full((1, R, L, N), 0.5), 0.6 * rng.standard_normal((1, R, L, N))
    one = contender_of("a", np.concatenate([in_common, of_their_own]))
    team = choose_team(one, [one], GROUPS, ensemble="auto", seeds=5)
    assert mixture_of(team, GROUPS).rmse < 0.35


def test_who_was_not_held_out_alike_is_no_part_of_a_team(equals: list[Contender]) -> None:
    out_of_fold = equals[1].curve.out_of_fold
    other = replace(out_of_fold, folds=out_of_fold.folds[:, ::-1].copy())
    stranger = replace(equals[1], curve=replace(equals[1].curve, out_of_fold=other))
    team = choose_team(equals[0], [equals[0], stranger, equals[2]], GROUPS, ensemble="finals", seeds=4)
    assert names(team.contenders) == "ac"
