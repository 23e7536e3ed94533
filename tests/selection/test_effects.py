from collections.abc import Callable

import numpy as np
import pytest

from tuner.config import Config
from tuner.results.entry import Entry
from tuner.selection.effects import effects_of
from tuner.selection.scores import Scores

L, N = 120, 3
Make = Callable[[np.ndarray], Scores]


def entries(config: Config, *names: str) -> tuple[Entry, ...]:
    return tuple(Entry(name, config, () if name == "base" else tuple(name.split("+"))) for name in names)


def errors(rng: np.random.Generator, level: float | np.ndarray, noise: float = 0.05) -> np.ndarray:
    return level + noise * rng.standard_normal((2, L, N))


def test_the_one_mutation_that_helps_is_found_and_no_other(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(0)
    levels = {"base": 0.5, "a": 0.5, "b": 0.45, "c": 0.5}
    search = {name: scores_of(errors(rng, level)) for name, level in levels.items()}
    effects = {effect.mutation: effect for effect in effects_of(entries(config, *levels), {}, search)}
    assert list(effects) == ["a", "b", "c"]
    low, high = effects["b"].difference.interval
    assert low < -0.05 < high < 0
    assert effects["b"].p < 0.05 < min(effects["a"].p, effects["c"].p)
    assert {effect.parent for effect in effects.values()} == {"base"}


def test_an_interval_covers_the_truth_nineteen_times_in_twenty(config: Config, scores_of: Make) -> None:
    covered, values, reaches = list[bool](), list[float](), list[float]()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        image = rng.standard_normal((1, L, 1))
        search = {
            name: scores_of(errors(rng, level * (1 + 0.3 * image) + 0.02 * rng.standard_normal((1, L, 1))))
            for name, level in (("base", 0.5), ("a", 0.45))
        }
        gap = effects_of(entries(config, "base", "a"), {}, search)[0].difference
        low, high = gap.interval
        base, variant = (np.sqrt(level**2 * 1.09 + 0.02**2 + 0.05**2) for level in (0.5, 0.45))
        covered.append(low < variant - base < high)
        values.append(gap.value)
        reaches.append((high - low) / 2)
    assert np.mean(covered) > 0.92  # its standard error is 0.015
    assert np.mean(reaches) < 1.5 * 1.96 * np.std(values)


def test_p_values_are_corrected_for_all_mutations_and_for_all_neurons_of_them(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(1)
    search = {name: scores_of(errors(rng, 0.5, 0.2)) for name in ("base", "a", "b", "c")}
    effects = effects_of(entries(config, *search), {}, search)
    lowest = min(effects, key=lambda effect: effect.difference.p)
    assert lowest.p == pytest.approx(min(1.0, 3 * lowest.difference.p))
    alone = min(gap.p for effect in effects for gap in effect.neuron_differences)
    assert min(p for effect in effects for p in effect.neuron_p) == pytest.approx(min(1.0, 3 * N * alone))


def test_the_neuron_that_a_mutation_helps_is_named(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(2)
    search = {
        "base": scores_of(errors(rng, 0.5)),
        "same": scores_of(errors(rng, 0.5)),
        "a": scores_of(errors(rng, np.array([0.5, 0.35, 0.5]))),
    }
    same, a = effects_of(entries(config, *search), {}, search)
    assert [p < 0.05 for p in a.neuron_p] == [False, True, False]
    assert a.neuron_differences[1].value == pytest.approx(-0.15, abs=0.01)
    assert min(same.neuron_p) > 0.05


def test_a_chains_effect_is_that_of_its_last_mutation_on_its_parent(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(3)
    levels = {"base": 0.5, "b": 0.5, "a": 0.4, "a+b": 0.42}
    search = {name: scores_of(errors(rng, level)) for name, level in levels.items()}
    effect = effects_of(entries(config, *levels), {}, search)[-1]
    assert (effect.mutation, effect.variant, effect.parent) == ("b", "a+b", "a")
    assert effect.difference.value == pytest.approx(0.02, abs=0.005)


def test_a_variant_or_a_parent_without_scores_has_no_effect(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(4)
    search = {name: scores_of(errors(rng, 0.5)) for name in ("base", "a+b", "c")}
    effects = effects_of(entries(config, "base", "a", "a+b", "c", "d"), {}, search)
    assert [effect.variant for effect in effects] == ["c"]


def test_the_finals_count_where_both_were_there_and_else_the_search(config: Config, scores_of: Make) -> None:
    rng = np.random.default_rng(5)
    levels = {"base": 0.5, "a": 0.6, "b": 0.6, "a+c": 0.6}
    search = {name: scores_of(errors(rng, level)) for name, level in levels.items()}
    finals = {name: scores_of(errors(rng, level)) for name, level in (("base", 0.5), ("a", 0.4), ("a+c", 0.4))}
    effects = {effect.variant: effect for effect in effects_of(entries(config, *levels), finals, search)}
    assert {name: effect.stage for name, effect in effects.items()} == {"a": "finals", "b": "search", "a+c": "finals"}
    assert effects["a"].difference.value == pytest.approx(-0.1, abs=0.01)
    assert effects["b"].difference.value == pytest.approx(0.1, abs=0.01)
    without_base = effects_of(entries(config, *levels), {"a": finals["a"]}, search)
    assert [effect.stage for effect in without_base] == ["search"] * 3
    assert without_base[0].difference.value == pytest.approx(0.1, abs=0.01)
