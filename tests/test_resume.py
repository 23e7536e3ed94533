"""What `tuner.run` says before it begins an experiment, or goes on with one; nothing is trained here."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner import run
from tuner.command import execute
from tuner.folder import Folder
from tuner.results.lock import held
from tuner.results.origin import origin_of
from tuner.stages.design import Design

BASE = "data: {eval_size: 2}\nmodel:\n  image_size: 4\n  conv_layers:\n    - {num_filters: 1, kernel_size: 3}\n"
MUTATIONS = "change_training:\n  - learning_rate: [0.1, 0.2]\n"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a config, mutations and data; of an experiment only its folders are made."""

    def carry_out(design: Design, options: argparse.Namespace, manifest: dict[str, Any] | None, *more: object) -> None:
        if manifest is not None:
            design.experiment.begin(manifest, design.entries, origin_of(design.dataset, design.seed))

    monkeypatch.setattr(run, "carry_out", carry_out)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "mutations.yaml").write_text(MUTATIONS)
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "stim.npy", np.zeros((6, 5, 5, 3), np.uint8))
    (tmp_path / "data" / "train.csv").write_text("Id,a\n0,1\n1,2\n2,3\n3,4\n")
    return tmp_path


def command(*more: str) -> int:
    files = ("--config", "base.yaml", "--mutations", "mutations.yaml")
    return execute("run", run.main, ["-g", "group", "-n", "name", *files, *more])


@pytest.fixture
def begun(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The same with an experiment that was begun."""
    assert command() == 0
    capsys.readouterr()
    return workplace


def test_a_new_experiment_that_another_process_is_about_to_begin_is_refused(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder.at("ray_results") / "group" / "name"
    with held(folder, print):
        assert command() == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"error: the experiment {folder.uri} is in use by process ")
        assert folder.names() == ("lock.json",)
        assert command("--dry-run") == 0
    assert command() == 0


def test_an_experiment_that_was_begun_while_this_one_read_its_files_is_refused(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest_of = run.make_manifest

    def make_manifest(options: argparse.Namespace, line: list[str], design: Design) -> dict[str, Any]:
        monkeypatch.setattr(run, "make_manifest", manifest_of)
        assert command() == 0
        return manifest_of(options, line, design)

    monkeypatch.setattr(run, "make_manifest", make_manifest)
    assert command() == 2
    assert "name exists; go on with it by --resume, or choose another --name" in capsys.readouterr().err


def test_an_experiment_in_use_is_not_resumed(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(Folder.at("ray_results") / "group" / "name", print):
        assert command("--resume") == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert "is in use by process " in said.err
    assert command("--resume") == 0


CHANGES = {
    "base.yaml": (BASE.replace("num_filters: 1", "num_filters: 2"), "model.conv_layers[0].num_filters 1, not 2, in"),
    "mutations.yaml": (MUTATIONS.replace("0.2", "0.3"), "change_training[0].learning_rate[1] 0.2, not 0.3, in"),
    "data/train.csv": ("Id,a\n0,1\n1,2\n2,3\n3,5\n", "data of fingerprint "),
}


@pytest.mark.parametrize("file", CHANGES)
def test_a_changed_file_is_told_and_the_experiment_is_left_alone(
    begun: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = CHANGES[file]
    (begun / file).write_text(text)
    assert command("--resume") == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(f"error: this experiment began with {said}")
    assert file.removesuffix("/train.csv") in error
    assert Folder.at("ray_results/group/name").names()[-1] == "manifest.yaml"


def test_other_versions_are_told_and_gone_on_with(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = begun / "ray_results/group/name/manifest.yaml"
    text = manifest.read_text()
    version = text.partition("torch: ")[2].splitlines()[0]
    manifest.write_text(text.replace(f"torch: {version}", "torch: 2.11.0"))
    assert command("--resume") == 0
    said = f"began with torch 2.11.0, goes on with torch {version}: results may differ in the last digits"
    assert said in capsys.readouterr().out.splitlines()
