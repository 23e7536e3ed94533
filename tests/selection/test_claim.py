from collections.abc import Callable

import numpy as np

from tuner.selection.claim import Contender, honest_scores
from tuner.selection.nested import groups_of, nested_scores

R, L, N = 2, 100, 2
Make = Callable[..., Contender]


def noise(rng: np.random.Generator, sd: float = 1.0, repeats: int = R) -> np.ndarray:
    return sd * rng.standard_normal((1, repeats, L, N))


def test_the_lowest_of_many_equals_looks_better_than_it_is_and_the_honest_score_does_not(contender_of: Make) -> None:
    naive, honest = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        contenders = [contender_of(str(index), noise(rng)) for index in range(20)]
        naive.append(min(one.curve.at(0).rmse for one in contenders))
        honest.append(honest_scores(contenders, "best", 20, groups_of(L, seed), together=False).rmse)
    assert np.mean(naive) < 0.945
    assert 0.98 < np.mean(honest) < 1.02  # its standard error is 0.006


def test_a_contender_that_is_clearly_the_best_is_chosen_for_every_image(contender_of: Make) -> None:
    rng = np.random.default_rng(0)
    contenders = [contender_of(name, noise(rng, sd)) for name, sd in (("a", 1.0), ("b", 0.5), ("c", 1.0))]
    found = honest_scores(contenders, "best", 3, groups_of(L, 0), together=False)
    assert np.array_equal(found.predictions, contenders[1].curve.at(0).predictions)
    assert np.array_equal(found.folds, contenders[1].curve.out_of_fold.folds)
    assert np.array_equal(found.responses, contenders[1].curve.responses)


def test_an_images_own_responses_do_not_choose_its_network(contender_of: Make) -> None:
    rng = np.random.default_rng(1)
    errors = [noise(rng, sd) for sd in (0.6, 0.9)]
    groups = groups_of(L, 1)
    changed = np.zeros((L, N), np.float32)
    changed[groups == 4] = 50 * errors[1][0, 0][groups == 4]  # to these images alone the second fits far better
    chosen = []
    for responses in (np.zeros((L, N), np.float32), changed):
        contenders = [contender_of(str(index), each, responses=responses) for index, each in enumerate(errors)]
        chosen.append(honest_scores(contenders, "best", 2, groups, together=False).predictions)
    assert np.array_equal(chosen[0][:, groups == 4], chosen[1][:, groups == 4])
    assert not np.array_equal(*chosen)


def test_the_rule_is_the_users(contender_of: Make) -> None:
    rng = np.random.default_rng(2)
    base, large = contender_of("base", noise(rng), control=True), contender_of("large", noise(rng, 0.95), macs=9)
    groups = groups_of(L, 2)
    found = {
        rule: honest_scores([large, base], rule, 20, groups, together=False).predictions
        for rule in ("best", "one_se", "significant")
    }
    assert np.array_equal(found["best"], large.curve.at(0).predictions)
    assert np.array_equal(found["significant"], base.curve.at(0).predictions)
    equals = [contender_of("small", 1 + 0.1 * noise(rng)), contender_of("large", 0.999 + 0.1 * noise(rng), macs=9)]
    simplest = honest_scores(equals, "one_se", 2, groups, together=False)
    assert np.array_equal(simplest.predictions, equals[0].curve.at(0).predictions)


def test_the_step_is_that_for_one_network_or_for_the_bundles_together(contender_of: Make) -> None:
    rng = np.random.default_rng(3)
    in_common, of_their_own = np.full((1, R, L, N), 0.5), noise(rng, 0.6)
    one = contender_of("a", np.concatenate([in_common, of_their_own]), networks=5)
    assert (one.curve.step, one.together.step) == (0, 1)
    alone, together = (honest_scores([one], "best", 1, groups_of(L, 3), together=flag) for flag in (False, True))
    assert np.array_equal(alone.predictions, in_common[0].astype(np.float32))
    assert np.array_equal(together.predictions, of_their_own[0].astype(np.float32))


def test_contenders_are_scored_on_the_repeats_that_all_have(contender_of: Make) -> None:
    rng = np.random.default_rng(4)
    contenders = [contender_of("a", noise(rng, 0.5, repeats=3)), contender_of("b", noise(rng))]
    found = honest_scores(contenders, "best", 2, groups_of(L, 4), together=False)
    assert found.predictions.shape == (2, L, N)
    assert found.repeats == 2


def test_of_a_lone_contender_only_the_step_is_chosen_without_the_image(contender_of: Make) -> None:
    rng = np.random.default_rng(5)
    one, groups = contender_of("a", np.concatenate([noise(rng) for _ in range(6)])), groups_of(L, 5)
    found = honest_scores([one], "best", 1, groups, together=False)
    assert np.array_equal(found.predictions, nested_scores(one.curve, groups).predictions)
