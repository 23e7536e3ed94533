import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tuner import retrain
from tuner.command import execute
from tuner.config import Config
from tuner.dataset.load import Dataset, load_dataset
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.training import Training
from tuner.folder import Folder
from tuner.results.arrays import write_responses
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.lock import held
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import origin_of
from tuner.results.policy import Policy
from tuner.results.record import row_of
from tuner.settings import replaced


@pytest.fixture(scope="module")
def data(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set as files."""
    folder = tmp_path_factory.mktemp("data")
    np.save(folder / "stim.npy", dataset.images)
    rows = [
        ",".join([str(image), *("" if np.isnan(value) else repr(float(value)) for value in values)])
        for image, values in zip(dataset.labelled, dataset.responses, strict=True)
    ]
    (folder / "train.csv").write_text("\n".join([",".join(["Id", *dataset.neurons]), *rows]) + "\n")
    return folder


@pytest.fixture
def storage(config: Config, data: Path, tmp_path: Path) -> Path:
    """Of an experiment without finals that has a base config and a slower variant of it."""
    dataset = load_dataset(data)
    slow = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.001})})
    entries = (Entry("base", config, ()), Entry("slow", slow, ("slow",)))
    experiment = Experiment.at(str(tmp_path), "group", "name")
    manifest = {
        "seed": 0,
        "data": str(data),
        "fingerprint": dataset.fingerprint,
        "options": vars(Policy(finalists=0, seeds=3)),
        "variants": {entry.name: list(entry.mutations) for entry in entries},
    }
    experiment.begin(manifest, entries, origin_of(dataset, 0))
    write_responses(experiment.folder, dataset)
    for entry in entries:
        folder = ModelFolder(tmp_path / "group" / "name" / entry.name)
        splits = make_splits(entry.config.data, len(dataset.labelled))
        pack = Pack(entry.config, dataset, splits, seed=1, device=torch.device("cpu"))
        training = Training(pack, dataset.responses)
        for report in training.reports():
            folder.add_row(row_of(report, dataset.neurons))
        folder.save(training.checkpoint(), 0)
    return tmp_path


def command(storage: Path, *arguments: str) -> int:
    return execute("retrain", retrain.main, ["-g", "group", "-n", "name", "--storage", str(storage), *arguments])


def test_a_rule_and_an_ensemble_hold_for_the_bundle_and_the_verdict(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(storage, "--rule", "significant", "--ensemble", "winner", "--seeds", "1") == 0
    folder = storage / "group" / "name"
    for file in ("verdict.json", "best/metrics.json"):
        found = json.loads((folder / file).read_text())
        assert (found["rule"], found["num_networks"]) == ("significant", 1)
        assert [member["variant"] for member in found["members"]] == [found["variant"]]
        assert list(found["baselines"]) == ["mean predictor", "ridge", "extra trees"]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Responses in `")
    assert f"bundle:      {folder}/best" in said


def test_other_data_are_refused(storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    np.save(other / "stim.npy", np.zeros((6, 20, 20, 3), np.uint8))
    (other / "train.csv").write_text("Id,a\n0,1\n1,2\n2,3\n3,4\n")
    assert command(storage, "--data", str(other)) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"error: {other} is not this experiment's data: its fingerprint is ")
    assert not (storage / "group" / "name" / "best").exists()


def test_an_experiment_in_use_is_not_retrained(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(Folder.at(str(storage)) / "group" / "name", print):
        assert command(storage, "--seeds", "1") == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "group/name is in use by process " in said.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "image_size: 16",
            "image_size: 21",
            "model.image_size must be at most 20, the images' smaller side, but got 21",
        ),
        ("num_classes: 4", "num_classes: 5", "model.num_classes must be 4, the number of neurons in .*, but got 5"),
        ("  num_classes: 4\n", "", "model.num_classes is missing; it must be 4"),
    ],
)
def test_a_config_that_was_edited_and_does_not_fit_the_data_is_refused_before_anything_is_trained(
    storage: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = storage / "group" / "name" / "slow" / "config.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    assert command(storage, "--seeds", "1") == 2
    out, error = capsys.readouterr()
    assert re.fullmatch(f"error: {file} does not fit the data: {said}\n", error)
    assert out == ""
    assert not (storage / "group" / "name" / "verdict.json").exists()
