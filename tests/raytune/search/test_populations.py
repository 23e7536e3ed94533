"""Whole populations, on the session's own Ray."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import halves, make_splits
from tuner.engine.lineage_pack import LineagePack
from tuner.engine.metrics import pooled_rmse
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.lineage import Lineage, single
from tuner.mutation.explore import explore
from tuner.mutation.shared import shared_settings
from tuner.mutation.space import Space, load_mutations
from tuner.raytune.fault_tolerance import failures
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.search.breeding import Breeding
from tuner.raytune.search.method import Method
from tuner.raytune.trials import Conditions, Trials
from tuner.results.ending_marks import EndingMarks
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import origin_of
from tuner.results.record import TrialRecord
from tuner.seeding import seed_of
from tuner.settings import replaced

pytestmark = pytest.mark.usefixtures("ray_session")

STEPS, INTERVAL = 14, 4
MUTATIONS = """
change_training:
  - learning_rate: {min: 1.0e-3, max: 5.0e-2, log: true}
change_conv_layer:
  - layer_id: [0, 1]
    num_filters: {min: 2, max: 8}
add_dense_layer:
  - num_units: [4, 6, 8]
"""
NAMES = ("base", "member-1", "member-2", "member-3")
NASTY = """
change_training: [{learning_rate: [1.0e+30]}, {batch_size: [1]}]
add_conv_layer: [{num_filters: [65536], kernel_size: [3]}, {num_filters: [4], kernel_size: [15]}]
delete_conv_layer: [{layer_id: [0]}, {layer_id: [-1]}]
delete_dense_layer: [{layer_id: [0]}]
change_conv_layer: [{layer_id: [0], batch_norm: [true]}, {layer_id: [0, 1], pool_size: [8, 16]}]
change_model: [{image_size: [4, 64]}, {num_classes: [7]}]
set_distortion: [{name: [rotate], max_angle: [180]}]
nasty.raises: [{}]
nasty.plain: [{}]
nasty.refolds: [{folds: [2, 4]}]
nasty.without_end: [{}]
nasty.recurses: [{}]
"""
OWN = """
def raises(config):
    raise ValueError("never")

def plain(config):
    return {}

def refolds(config, folds):
    return config.model_copy(update={"data": config.data.model_copy(update={"folds": folds})})

def without_end(config):
    return config.model_copy(update={"training": config.training.model_copy(update={"max_steps": 10**6})})

def recurses(config):
    return recurses(config)
"""
Row = dict[str, Any]


@dataclass(frozen=True)
class Bred:
    """What became of a population."""

    breeding: Breeding
    seeds: dict[str, int]
    ended: frozenset[str]
    records: dict[str, TrialRecord]
    folder: Path

    def rows(self, name: str) -> list[Row]:
        file = self.folder / name / "result.json"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    def told(self, *keys: str) -> dict[str, list[list[Any]]]:
        """Those of every row, NaN as text."""
        return {name: [[repr(row[key]) for key in keys] for row in self.rows(name)] for name in self.seeds}

    def lineage(self, name: str) -> Lineage:
        """Of the member's last checkpoint."""
        start = self.breeding.starts[list(self.seeds).index(name)]
        return ModelFolder(self.folder / name).checkpoints()[-1].lineage or single(start)

    def aside(self, dataset: Dataset) -> np.ndarray:
        """The images that fitness is of."""
        splits = make_splits(self.breeding.starts[0].data, len(dataset.labelled))
        return halves(splits, len(dataset.labelled), self.breeding.seed)

    @property
    def lineages(self) -> dict[str, Lineage]:
        return {name: self.lineage(name) for name in self.seeds}

    @property
    def replacements(self) -> list[tuple[str, int, str]]:
        """Member, step and donor of all that its rows tell of."""
        told = [(name, row["descent"]) for name in self.seeds for row in self.rows(name)]
        return sorted({(name, descent["step"], descent["donor"]) for name, descent in told if descent["donor"]})


def changed(config: Config, **training: Any) -> Config:
    return replaced(config, {"training": replaced(config.training, training)})


def space_of(folder: Path, text: str) -> Space:
    path = folder / "mutations.yaml"
    path.write_text(text)
    return load_mutations(path)


def bred(
    folder: Path, dataset: Dataset, starts: tuple[Config, ...], *, seed: int = 3, at_a_time: int = 2, **settings: Any
) -> Bred:
    """A population, trained to its end."""
    breeding = Breeding(
        **{"space": space_of(folder, MUTATIONS), "interval": INTERVAL, "quantile": 0.25, "structural": 0.5}
        | {"patience": 1000, "control": "base", "image_side": 20, "seed": seed_of(seed, "population")}
        | settings,
        starts=starts,
    )
    names = ("base", *(f"member-{number}" for number in range(1, len(starts))))
    entries = tuple(Entry(name, config, ()) for name, config in zip(names, starts, strict=True))
    experiment, seeds = Experiment.at(str(folder), "group", "name"), {name: seed_of(seed, name) for name in names}
    experiment.begin({"variants": {name: [] for name in names}}, entries, origin_of(dataset, seed))
    ended = run_trials(
        Trials(experiment, entries, seeds, method=Method(breeding=breeding)),
        Conditions(dataset, check_resources(Resources(max_concurrent=at_a_time))),
        (EndingMarks(experiment),),
    )
    records = {record.variant: record for record in experiment.records()}
    assert experiment.folder.local is not None
    return Bred(breeding, seeds, ended, records, experiment.folder.local)


@pytest.fixture(scope="module")
def starts(config: Config) -> tuple[Config, ...]:
    """The control ends by itself after some steps; the last member learns nothing."""
    base = changed(config, max_steps=STEPS, early_stopping_evals=100)
    return (
        base,
        changed(base, learning_rate=0.02),
        changed(base, learning_rate=0.005),
        changed(base, learning_rate=1e-6),
    )


@pytest.fixture(scope="module")
def run(
    dataset: Dataset, starts: tuple[Config, ...], tmp_path_factory: pytest.TempPathFactory, ray_session: None
) -> Bred:
    return bred(tmp_path_factory.mktemp("run"), dataset, starts)


@pytest.fixture
def make(run: Bred, dataset: Dataset) -> Callable[[str], LineagePack]:
    """A member's pack with its lineage, without Ray."""
    splits = make_splits(run.breeding.starts[0].data, len(dataset.labelled))

    def pack(name: str) -> LineagePack:
        def packed(config: Config) -> Pack:
            return Pack(config, dataset, splits, seed=run.seeds[name], device=torch.device("cpu"))

        return LineagePack(run.lineage(name), splits, packed)

    return pack


def test_a_population_ends_with_every_row_and_its_worst_members_are_replaced(run: Bred) -> None:
    assert run.ended == set(NAMES)
    assert {name: record.status for name, record in run.records.items()} == dict.fromkeys(NAMES, "finished")
    every = list(range(2, STEPS + 1, 2))
    assert {name: [row["step"] for row in run.rows(name)] for name in NAMES} == dict.fromkeys(NAMES, every)
    assert sorted(step for _, step, _ in run.replacements) == [4, 8, 12]
    assert ("member-3", 4) in [(name, step) for name, step, _ in run.replacements]


def test_the_control_is_never_replaced(run: Bred) -> None:
    assert run.lineage("base") == single(run.breeding.starts[0])
    assert {json.dumps(row["descent"]) for row in run.rows("base")} == {
        '{"step": 0, "donor": "", "mutations": [], "inherited": ""}'
    }


def test_a_replaced_member_goes_on_with_its_donors_lineage_changed_by_one_mutation(run: Bred) -> None:
    last = {name: (step, donor) for name, step, donor in run.replacements}
    for name, (step, donor) in last.items():
        *before, phase = run.lineage(name)
        assert (phase.step, phase.donor, len(phase.mutations)) == (step, donor, 1)
        kept = [found for found in run.lineage(donor) if found.step < step]
        assert before == kept
        rng = np.random.default_rng(seed_of(run.breeding.seed, "explore", name, step))
        config, mutations = explore(before[-1].config, run.breeding.space, rng, fits=run.breeding.fits)
        assert (config, tuple(mutation.name for mutation in mutations)) == (phase.config, phase.mutations)
        told = {tuple(row["descent"]["mutations"]) for row in run.rows(name) if row["step"] > step}
        assert told == {phase.mutations}


def test_a_member_that_was_never_replaced_is_what_its_pack_is_without_ray(
    run: Bred, dataset: Dataset, make: Callable[[str], LineagePack]
) -> None:
    aside = run.aside(dataset)
    for name in set(NAMES) - {name for name, _, _ in run.replacements}:
        reports = list(Training(make(name), dataset.responses, aside_L=aside, to_the_end=True).reports())
        rows = run.rows(name)
        assert [row["rmse"] for row in rows] == [report.accuracy.rmse for report in reports]
        found = [pooled_rmse(report.predictions[:, aside], dataset.responses[aside])[0] for report in reports]
        assert [row["fitness"] for row in rows] == found


def test_fitness_and_all_other_numbers_are_of_different_images(
    run: Bred, dataset: Dataset, make: Callable[[str], LineagePack]
) -> None:
    aside = run.aside(dataset)
    pack = make("base")
    pack.train(STEPS)
    predictions, row = pack.evaluate(), run.rows("base")[-1]
    assert row["fitness"] == pooled_rmse(predictions[:, aside], dataset.responses[aside])[0]
    assert row["rmse"] == pooled_rmse(predictions[:, ~aside], dataset.responses[~aside])[0]
    for name in NAMES:
        found = ModelFolder(run.folder / name).checkpoints()[-1].out_of_fold
        assert not np.isfinite(found.predictions[:, :, aside]).any()
        assert np.isfinite(found.predictions[:, :, ~aside]).all()


def test_a_seed_decides_everything_whatever_the_timing(
    run: Bred, dataset: Dataset, starts: tuple[Config, ...], tmp_path: Path
) -> None:
    again = bred(tmp_path, dataset, starts, at_a_time=1)
    assert again.lineages == run.lineages
    keys = ("step", "rmse", "fitness", "rmse_best", "train_rmse", "descent", "neuron", "ending")
    assert again.told(*keys) == run.told(*keys)


@pytest.fixture(scope="module")
def nasty(
    config: Config, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, ray_session: None
) -> Iterator[Bred]:
    """The control diverges, as does a member; another one cannot even begin."""
    folder = tmp_path_factory.mktemp("nasty")
    (folder / "nasty.py").write_text(OWN)
    layer = {"num_filters": 65_536, "kernel_size": 9}  # 350 GB of weights
    fine = changed(config, max_steps=20)
    wild = changed(fine, learning_rate=1e30)
    model = replaced(fine.model, {"conv_layers": [layer, {**layer, "kernel_size": 3}]})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(failures, "ATTEMPTS", 1)  # each starts a process anew
        space = space_of(folder, NASTY)
        starts = (wild, fine, wild, replaced(fine, {"model": model}), changed(fine, learning_rate=0.005))
        yield bred(folder, dataset, starts, space=space, interval=2, quantile=0.5)
    sys.modules.pop("nasty")


def test_no_mutation_and_no_member_ends_a_population(nasty: Bred) -> None:
    statuses = {name: record.status for name, record in nasty.records.items()}
    others = {
        name: "finished" if math.isfinite(nasty.rows(name)[-1]["rmse"]) else "diverged"
        for name in ("member-1", "member-2", "member-4")
    }
    assert statuses == {"base": "diverged", "member-3": "failed"} | others
    assert "finished" in others.values()
    assert nasty.ended == set(statuses)
    assert [row["step"] for row in nasty.rows("member-1")] == list(range(2, 21, 2))
    assert {step for _, step, _ in nasty.replacements} == set(range(2, 20, 2))


def test_a_member_that_diverged_is_replaced(nasty: Bred) -> None:
    first, second, *_ = nasty.rows("member-2")
    assert (math.isnan(first["rmse"]), first["fitness"], first["descent"]["donor"]) == (True, math.inf, "")
    assert math.isfinite(second["fitness"]) or "learning_rate=1e+30" in second["descent"]["mutations"][0]
    assert second["descent"]["donor"] in ("member-1", "member-4")


def test_members_keep_what_they_have_in_common(nasty: Bred) -> None:
    shared = shared_settings(nasty.breeding.starts[0])
    phases = [phase for name in ("member-1", "member-2", "member-4") for phase in nasty.lineage(name)]
    assert {shared_settings(phase.config) for phase in phases} == {shared}
    assert all(nasty.breeding.fits(phase.config) == phase.config for phase in phases)


def test_a_population_ends_once_no_member_becomes_better(
    dataset: Dataset, starts: tuple[Config, ...], tmp_path: Path
) -> None:
    still = tuple(changed(start, learning_rate=1e-12, max_steps=1000) for start in starts)
    found = bred(tmp_path, dataset, still, space=(), patience=4, interval=2)
    assert found.ended == set(found.seeds)
    assert {record.status for record in found.records.values()} == {"stopped"}
    assert {len(record.measurements) for record in found.records.values()} == {3}
    for name in ("base", "member-2"):  # as if a crash had come before they were marked
        (found.folder / name / "stopped.txt").unlink()
    again = bred(tmp_path, dataset, still, space=(), patience=4, interval=2)
    assert again.ended == {"base", "member-2"}
    assert {record.status for record in again.records.values()} == {"stopped"}
    assert (found.folder / "base" / "stopped.txt").read_text() == "the search ended it\n"
