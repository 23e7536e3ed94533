"""Verdicts of experiments that nobody ran, shaped like real ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tuner.config import Config, ConvLayer, Distortions, ModelConfig, Rotate, TrainingConfig
from tuner.lineage import single
from tuner.results.entry import Entry
from tuner.results.estimate import Estimate, holm
from tuner.results.evolution import Branch, Evolution
from tuner.results.promotion import Interval, Member, Promotion
from tuner.results.standing import Effect, LearningCurve, Standing
from tuner.results.verdict import Verdict
from tuner.settings import plain

MEAN_RMSE, BASE_RMSE, SE, PAIRED_SE, DF = 0.3655, 0.3440, 0.0045, 0.0009, 9.0


@dataclass(frozen=True)
class Sample:
    """What `report` takes."""

    verdict: Verdict
    entries: tuple[Entry, ...]
    manifest: dict[str, Any]
    data: str = "Recordings of 18 neurons in macaque V4, 551 labelled images of 80 x 80 pixels."


def config_of(index: int) -> Config:
    """Settings that differ in kind: numbers, a layer that others lack, text, a distortion."""
    layers = [ConvLayer(num_filters=(16, 32, 64)[index % 3], kernel_size=5)] + [
        ConvLayer(num_filters=64, kernel_size=3)
    ] * (index % 4 == 3)
    config = Config(
        model=ModelConfig(conv_layers=tuple(layers), num_classes=18),
        training=TrainingConfig(
            learning_rate=0.001 * (1 + index % 13), precision="bf16" if index % 5 == 4 else "auto", max_steps=120
        ),
    )
    if index % 6 != 5:
        return config
    return config.model_copy(
        update={"data": config.data.model_copy(update={"distortions": Distortions(rotate=Rotate(max_angle=8.0))})}
    )


def make_sample(
    variants: int = 7,
    neurons: int = 18,
    images: int = 60,
    finalists: int = 4,
    names: Callable[[int], str] = lambda index: f"add_conv_layer-kernel_size={3 + index}-num_filters={64 + index}",
    neuron_names: Callable[[int], str] = lambda index: f"neuron_{index:03d}",
    gain: float = 0.004,
    step_s: int = 4,
) -> Sample:
    """An experiment whose first mutation lowers the RMSE by `gain`, and the others change little; some fail."""
    rng = np.random.default_rng(variants + 1000 * neurons)
    called = ["base", *(names(index) for index in range(1, variants))]
    truth = np.concatenate([[0.0, -gain], rng.normal(0.001, 0.002, variants)])[:variants]
    level_N = np.sort(rng.uniform(0.7, 1.02, neurons))
    mean_N = rng.uniform(0.28, 0.45, neurons)
    configs = [config_of(index) for index in range(variants)]

    profile = Profile(rng, mean_N, level_N)
    standings, order = standings_of(profile, called, truth, finalists)
    baselines = tuple(
        Standing(name, "baseline", "finished", 4, Estimate(rmse, SE, DF), neuron_rmse=tuple(mean_N * rmse / MEAN_RMSE))
        for name, rmse in (("extra trees", 0.3414), ("ridge", 0.3435), ("mean predictor", MEAN_RMSE))
    )
    measured = rng.gamma(4.0, 0.35, (images, neurons)).astype(np.float32)
    measured[rng.random(measured.shape) < 0.2] = np.nan
    predicted = 1.4 + 0.5 * (np.nan_to_num(measured, nan=1.4) - 1.4) + rng.normal(0, 0.25, measured.shape)
    verdict = Verdict(
        winner=standings[0],
        rule="best",
        reason=f"it has the lowest RMSE of {len(order)} variants",
        claim=Interval(
            standings[0].rmse.value + 0.001, standings[0].rmse.value - 0.008, standings[0].rmse.value + 0.01
        ),
        probability=0.97,
        standings=tuple(standings),
        baselines=baselines,
        effects=effects_of(rng, called, truth, order, neurons),
        importances={},
        promotion=Promotion(
            (Member(standings[0].name, single(configs[order[0]]), 28, 441, 5),),
            Interval(standings[0].rmse.value - 0.002, standings[0].rmse.value - 0.011, standings[0].rmse.value + 0.007),
            "several networks of the winner are better than one",
        ),
        curves=curves_of(rng, standings, step_s),
        neurons=tuple(neuron_names(index) for index in range(neurons)),
        neuron_metrics={"rmse": profile.neuron_rmse(0), "correlation": tuple(rng.uniform(0.1, 0.7, neurons)), "r2": ()},
        predicted=predicted.astype(np.float64),
        measured=measured,
        noise_rmse=None,
        stage="finals",
        protocol="4 repeats of 5 folds",
    )
    entries = tuple(
        Entry(name, config, () if name == "base" else (name,)) for name, config in zip(called, configs, strict=True)
    )
    return Sample(verdict, entries, manifest_of(configs[0]))


@dataclass(frozen=True)
class Profile:
    """How hard each neuron is, by a mean RMSE and what networks make of it."""

    rng: np.random.Generator
    mean_N: np.ndarray
    level_N: np.ndarray

    def neuron_rmse(self, shift: float) -> tuple[float, ...]:
        """One a neuron, of a variant that is worse by this."""
        noise_N = self.rng.normal(0, 0.01, len(self.mean_N))
        return tuple(float(value) for value in self.mean_N * (self.level_N + shift * 3 + noise_N))


def standings_of(
    profile: Profile, called: list[str], truth: np.ndarray, finalists: int
) -> tuple[list[Standing], list[int]]:
    """The rows, the last of which failed if there are more than four, and the order of those that did not."""
    variants = len(called)

    def standing(index: int, rank: int) -> Standing:
        finals = rank < finalists
        difference = None if index == 0 else Estimate(float(truth[index]), PAIRED_SE if finals else 2 * PAIRED_SE, DF)
        return Standing(
            name=called[index],
            stage="finals" if finals else "search",
            status="finished" if finals or index % 2 else "dropped",
            repeats=4 if finals else 1,
            rmse=Estimate(BASE_RMSE + float(truth[index]), SE, DF),
            difference=difference,
            p=None if difference is None else min(1.0, difference.p * variants),
            step=28 + 4 * (index % 3),
            search_rmse=BASE_RMSE + float(truth[index]) - 0.006,
            search_nested_rmse=BASE_RMSE + float(truth[index]) + 0.002,
            neuron_rmse=profile.neuron_rmse(float(truth[index])),
            mutations=() if index == 0 else (called[index],),
            parameters=412_000 + index,
            macs=31_000_000,
            seconds=60.0 + 40 * index,
        )

    failed = {variants - 1} if variants > 4 else set()
    order = sorted(set(range(variants)) - failed, key=lambda index: truth[index])
    entered = {0, *order[: finalists - 1]}
    order = [index for index in order if index in entered] + [index for index in order if index not in entered]
    failures = [
        Standing(called[index], "search", "failed", 0, None, mutations=(called[index],), error="MemoryError: 12 GiB")
        for index in sorted(failed)
    ]
    return [standing(index, rank) for rank, index in enumerate(order)] + failures, order


def manifest_of(config: Config) -> dict[str, Any]:
    """What was run."""
    return {
        "command": "python -m tuner.run -g v4 -n first --config base_configs/v4.yaml",
        "options": {"group": "v4", "name": "first"},
        "seed": 3,
        "depth": 1,
        "base": plain(config),
        "mutations": {"add_conv_layer": [{"num_filters": [64, 65], "kernel_size": [3, 4]}]},
        "data": "/data/v4",
        "fingerprint": "3f9a2c17d0b14ee1",
        "versions": {"python": "3.12.1", "tuner": "0.1.0", "ray": "2.60.0", "torch": "2.13.0", "numpy": "2.4.6"},
    }


def effects_of(
    rng: np.random.Generator, called: list[str], truth: np.ndarray, order: list[int], neurons: int
) -> tuple[Effect, ...]:
    """Every mutation's, of the variants that were measured."""
    found = []
    for index in sorted(set(order) - {0}):
        values = truth[index] + rng.normal(0, 0.004, neurons)
        values[:2] += 4 * truth[index]
        differences = tuple(Estimate(float(value), 0.004, DF) for value in values)
        difference = Estimate(float(truth[index]), PAIRED_SE, DF)
        found.append(Effect(called[index], called[index], "base", "search", difference, difference.p, differences, ()))
    corrected = holm(tuple(one.p for one in found))
    return tuple(
        replace(
            one,
            p=p,
            neuron_p=tuple(
                min(1.0, math.erfc(abs(each.value) / each.se / 2**0.5) * len(found) * neurons / 20)
                for each in one.neuron_differences
            ),
        )
        for one, p in zip(found, corrected, strict=True)
    )


def curves_of(rng: np.random.Generator, standings: list[Standing], step: int) -> tuple[LearningCurve, ...]:
    """In the search, and once more for the finalists."""
    steps = tuple(range(step, 81, step))
    found = []
    for one in standings:
        if one.rmse is None:
            continue
        for stage in ("search", "finals") if one.stage == "finals" else ("search",):
            best = one.rmse.value
            curve = best + 0.12 * np.exp(-np.array(steps) / 7) + 0.00002 * np.maximum(0, np.array(steps) - 30) ** 2
            noise = rng.normal(0, 0.0015 if stage == "search" else 0.0005, len(steps))
            se = (0.0045 if stage == "search" else 0.0025,) * len(steps)
            found.append(LearningCurve(one.name, stage, steps, tuple(float(value) for value in curve + noise), se))
    return tuple(found)


def make_population(members: int = 8, rounds: int = 4, evaluations: int = 2, seed: int = 0) -> Evolution:
    """After each round but the last the worst quarter goes on from the best member; the best one at the end wins."""
    rng = np.random.default_rng(seed)
    names = ("base", *(f"member-{number}" for number in range(1, members)))
    branches = {
        name: [Branch(name, 0, "", (f"change_training-learning_rate=0.00{number}",) if number else (), "", (), ())]
        for number, name in enumerate(names)
    }
    past: dict[str, tuple[Branch, ...]] = dict.fromkeys(names, ())
    for number in range(rounds):
        steps = tuple(4 * (number * evaluations + index + 1) for index in range(evaluations))
        for name, own in branches.items():
            level = 0.34 - 0.004 * len(past[name])
            found = tuple(float(level + 0.5 / step + 0.004 * rng.standard_normal()) for step in steps)
            own[-1] = replace(own[-1], steps=own[-1].steps + steps, rmse=own[-1].rmse + found)
        best, *others = sorted(names, key=lambda name: branches[name][-1].last)
        for name in [name for name in others if name != "base"][-(members // 4) :] if number < rounds - 1 else ():
            mutation = f"add_conv_layer-kernel_size={1 + 2 * number}-num_filters=16-pool_size=1"
            past[name] = (*past[best], branches[best][-1])
            branches[name].append(Branch(name, steps[-1], best, (mutation,), "inherited 94 % of 9.5 k weights", (), ()))
    return Evolution(tuple(one for own in branches.values() for one in own), (*past[best], branches[best][-1]))


def make_bred(evolution: Evolution) -> Sample:
    """A sample whose variants are the members, and whose winner is that of the population."""
    sample = make_sample(variants=len(evolution.members), neurons=3, names=lambda index: f"member-{index}")
    last = evolution.path[-1]
    winner = replace(
        sample.verdict.winner,
        name=last.member,
        step=last.steps[-1],
        mutations=tuple(name for phase in evolution.path for name in phase.mutations),
        begins=tuple(phase.step for phase in evolution.path for _ in phase.mutations),
    )
    standings = (winner, *(one for one in sample.verdict.standings if one.name != winner.name))
    verdict = replace(sample.verdict, winner=winner, standings=standings, effects=(), evolution=evolution)
    return replace(sample, verdict=verdict)


@pytest.fixture(scope="session")
def bred() -> Sample:
    """The sample of a population of eight."""
    return make_bred(make_population())


@pytest.fixture(scope="session")
def make() -> Callable[..., Sample]:
    """Makes a sample of any size."""
    return make_sample


@pytest.fixture(scope="session")
def sample() -> Sample:
    """Seven variants, four of them finalists, and three neurons."""
    return make_sample(neurons=3)
