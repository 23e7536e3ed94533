"""Ray Tune's trials, on the session's own Ray."""

import csv
import math
import pickle
import signal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from ray import tune
from ray.exceptions import ObjectStoreFullError

from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.errors import InputError, TunerError
from tuner.raytune.disk_budget import Disk
from tuner.raytune.fault_tolerance import failures
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources
from tuner.raytune.stopper import Limits, StopEarly
from tuner.raytune.trials import Conditions, Trials
from tuner.results.ending_marks import EndingMarks
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import origin_of
from tuner.results.record import Measurement
from tuner.seeding import seed_of
from tuner.settings import replaced

pytestmark = pytest.mark.usefixtures("ray_session")

SEED = 11
IMPOSSIBLE = "too_large"
SEEDS = {name: seed_of(SEED, name) for name in ("base", "slow", "wild", IMPOSSIBLE)}


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.curves: dict[str, list[float]] = {}
        self.endings: dict[str, str] = {}
        self.folders: dict[str, Path] = {}

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        self.curves.setdefault(variant, []).append(measurement.rmse)
        self.folders[variant] = folder

    def ended(self, variant: str, error: str) -> None:
        self.endings[variant] = error


def entries_of(config: Config) -> tuple[Entry, ...]:
    def changed(section: str, **changes: object) -> Config:
        return replaced(config, {section: replaced(getattr(config, section), changes)})

    layer = {"num_filters": 65_536, "kernel_size": 9}  # 350 GB of weights
    return (
        Entry("base", config, ()),
        Entry("slow", changed("training", learning_rate=0.001), ("slow",)),
        Entry("wild", changed("training", learning_rate=1e30), ("wild",)),
        Entry(IMPOSSIBLE, changed("model", conv_layers=[layer, {**layer, "kernel_size": 3}]), (IMPOSSIBLE,)),
    )


def begun(folder: Path, dataset: Dataset, entries: tuple[Entry, ...]) -> Experiment:
    """An experiment of these variants, none of which was trained."""
    experiment = Experiment.at(str(folder), "group", "name")
    manifest = {"variants": {entry.name: list(entry.mutations) for entry in entries}}
    experiment.begin(manifest, entries, origin_of(dataset, SEED))
    return experiment


@pytest.fixture(scope="module")
def run(
    config: Config, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, ray_session: None
) -> tuple[Experiment, Recorder, frozenset[str]]:
    entries, recorder = entries_of(config), Recorder()
    experiment = begun(tmp_path_factory.mktemp("results"), dataset, entries)
    conditions = Conditions(dataset, check_resources(Resources()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "ATTEMPTS", 1)  # each starts a process anew
        ended = run_trials(Trials(experiment, entries, SEEDS), conditions, (recorder, EndingMarks(experiment)))
    return experiment, recorder, ended


def test_every_trial_ends_and_a_bad_one_does_not_end_the_run(
    run: tuple[Experiment, Recorder, frozenset[str]],
) -> None:
    experiment, recorder, ended = run
    assert ended == {"base", "slow", "wild", IMPOSSIBLE}
    statuses = {record.variant: record.status for record in experiment.records()}
    assert statuses == {"base": "finished", "slow": "finished", "wild": "diverged", IMPOSSIBLE: "failed"}
    assert recorder.endings["base"] == ""
    assert "memory" in recorder.endings[IMPOSSIBLE]


def test_a_trial_measures_what_its_pack_measures_without_ray(
    run: tuple[Experiment, Recorder, frozenset[str]], config: Config, dataset: Dataset
) -> None:
    experiment, recorder, _ = run
    splits = make_splits(config.data, len(dataset.labelled))
    pack = Pack(config, dataset, splits, seed=seed_of(SEED, "base"), device=torch.device("cpu"))
    curve = [report.accuracy.rmse for report in Training(pack, dataset.responses).reports()]
    assert recorder.curves["base"] == curve
    assert [found.rmse for found in experiment.records()[0].measurements] == curve
    assert math.isnan(recorder.curves["wild"][-1])


def test_a_trials_folder_is_named_after_its_variant_and_holds_what_is_needed(
    run: tuple[Experiment, Recorder, frozenset[str]],
) -> None:
    experiment, recorder, _ = run
    folder = experiment.folder.local
    assert folder is not None
    assert recorder.folders["slow"] == folder / "slow"
    rows = list(csv.DictReader((folder / "slow" / "progress.csv").read_text().splitlines()))
    assert [float(row["rmse"]) for row in rows] == recorder.curves["slow"]
    assert "neuron/rmse/a" in rows[0]
    assert "memory" in (folder / IMPOSSIBLE / "error.txt").read_text()


def test_the_last_checkpoints_are_kept_and_can_be_read(
    run: tuple[Experiment, Recorder, frozenset[str]], config: Config
) -> None:
    experiment, recorder, _ = run
    assert experiment.folder.local is not None
    steps = [checkpoint.step for checkpoint in ModelFolder(experiment.folder.local / "slow").checkpoints()]
    evaluations = len(recorder.curves["slow"])
    expected = [config.training.eval_steps * (evaluations - age) for age in (2, 1, 0) if evaluations > age]
    assert steps == expected


def test_a_finished_experiment_is_not_run_again(
    run: tuple[Experiment, Recorder, frozenset[str]], config: Config, dataset: Dataset
) -> None:
    experiment, _, _ = run
    before = {record.variant: len(record.measurements) for record in experiment.records()}
    again = Recorder()
    conditions = Conditions(dataset, check_resources(Resources()))
    run_trials(Trials(experiment, entries_of(config), SEEDS), conditions, (again,))
    assert set(again.curves) == set()
    assert set(again.endings) == set()
    assert {record.variant: len(record.measurements) for record in experiment.records()} == before


def test_more_than_the_machine_has_is_refused() -> None:
    with pytest.raises(InputError, match="a trial asks for 64 CPU and 0 GPU, but no node has more than 2 CPU, 0 GPU"):
        check_resources(Resources(cpus_per_trial=64, gpus_per_trial=0))


def test_a_trial_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="a trial needs some of a CPU or of a GPU"):
        check_resources(Resources(cpus_per_trial=0, gpus_per_trial=0))


def test_without_a_gpu_a_trial_asks_for_none() -> None:
    assert check_resources(Resources()).gpus_per_trial == 0


class Impatient(Recorder):
    """Time is up as soon as anything was measured."""

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        super().measured(variant, folder, measurement)
        StopEarly.current().limits = Limits(seconds=0)


def test_all_trials_end_when_time_is_up_for_good(config: Config, dataset: Dataset, tmp_path: Path) -> None:
    training = {"max_steps": 10**6, "early_stopping_evals": 10**6, "keep_checkpoint_max": 1}
    endless = replaced(config, {"training": replaced(config.training, training)})
    entries = tuple(Entry(name, endless, ()) for name in ("base", "slow", "wild"))
    experiment, listener = begun(tmp_path, dataset, entries), Impatient()

    def run() -> frozenset[str]:
        conditions = Conditions(dataset, check_resources(Resources(max_concurrent=1)))
        return run_trials(Trials(experiment, entries, SEEDS, Limits(seconds=600)), conditions, (listener,))

    before = signal.getsignal(signal.SIGINT)
    assert run() == {"base", "slow", "wild"}
    assert signal.getsignal(signal.SIGINT) is before
    assert listener.endings == dict.fromkeys(["base", "slow", "wild"], "")
    first, *others = experiment.records()
    assert (first.status, len(first.measurements) >= 1) == ("stopped", True)
    assert [(record.status, record.measurements) for record in others] == [("stopped", ())] * 2
    assert experiment.out_of_fold("base") is not None
    assert run() == frozenset()
    assert experiment.records() == (first, *others)
    (tmp_path / "group" / "name" / "slow" / "stopped.txt").unlink()  # as after a crash before it was written
    assert run() == {"slow"}
    assert experiment.records() == (first, *others)


class Scales(Recorder):
    """A listener that weighs the experiment's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.most = folder, 0

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        super().measured(variant, folder, measurement)
        sizes = [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]
        self.most = max(self.most, sum(sizes))


def test_a_run_whose_disk_budget_is_too_small_ends_and_goes_on_with_more_and_stays_within_it(
    config: Config, dataset: Dataset, tmp_path: Path
) -> None:
    layers = {"dense_layers": [{"num_units": 400}]}  # so that a checkpoint is most of what there is
    training = {"max_steps": 24, "early_stopping_evals": 100, "keep_checkpoint_max": 100}
    changes = {"model": replaced(config.model, layers), "training": replaced(config.training, training)}
    entries = tuple(Entry(name, replaced(config, changes), ()) for name in ("base", "slow", "wild"))
    experiment = begun(tmp_path, dataset, entries)
    cost = cost_of(entries[0].config.model, 4)
    one = 16 * cost.parameters * 3
    scales = Scales(tmp_path)

    def run(checkpoints: int) -> frozenset[str]:
        disk = Disk(experiment.folder, checkpoints * one)
        conditions = Conditions(dataset, check_resources(Resources()), disk)
        return run_trials(Trials(experiment, entries, SEEDS), conditions, (scales, EndingMarks(experiment)))

    # two trials at a time, with two checkpoints each and one that is written
    with pytest.raises(TunerError, match=r"--disk-budget is too small: the trials that run need .* MB more; go on"):
        run(4)
    assert run(12) | {"base", "slow"} == {"base", "slow", "wild"}
    assert 8 * one < scales.most < 12 * one
    assert [record.status for record in experiment.records()] == ["finished"] * 3
    assert len(scales.curves["base"]) >= 12


def test_a_trial_that_rays_list_was_made_without_is_run_after_the_others(
    config: Config, dataset: Dataset, tmp_path: Path
) -> None:
    entries = tuple(Entry(name, config, ()) for name in ("base", "slow", "wild"))
    experiment, found = begun(tmp_path, dataset, entries), Recorder()
    conditions = Conditions(dataset, check_resources(Resources()))
    for listed in (entries[:2], entries):
        run_trials(Trials(experiment, listed, SEEDS), conditions, (found, EndingMarks(experiment)))
    assert set(found.endings) == {"base", "slow", "wild"}
    assert [record.status for record in experiment.records()] == ["finished"] * 3
    assert len({len(curve) for curve in found.curves.values()}) == 1
    snapshot = tmp_path / "group" / "name" / "snapshot.zip"
    with ZipFile(snapshot, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("tuner.pkl", pickle.dumps(Path)[:-1])  # of a version whose names are others
    before = dict(found.curves)
    assert run_trials(Trials(experiment, entries, SEEDS), conditions, (found,)) == frozenset()
    assert found.curves == before


def test_without_room_for_the_data_in_rays_store_that_is_said(
    config: Config, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(trainable: Any, **parameters: Any) -> Any:
        raise ObjectStoreFullError("The local object store is full of objects that are still in scope")

    monkeypatch.setattr(tune, "with_parameters", refuse)
    entries = (Entry("base", config, ()),)
    trials = Trials(begun(tmp_path, dataset, entries), entries, SEEDS)
    with pytest.raises(TunerError, match=r"Ray's object store has no room for the data set, 0 MB: .*The local object"):
        run_trials(trials, Conditions(dataset, check_resources(Resources())))
