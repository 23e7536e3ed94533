import re
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from tuner.errors import InputError
from tuner.folder import Folder
from tuner.results.copy import copied
from tuner.results.experiment import Experiment

MANIFEST = {"variants": {"base": []}, "command": "tuner run", "seed": 1, "fingerprint": "f"}


def experiment(folder: Path, **changes: object) -> Experiment:
    made = Experiment.at(str(folder), "group", "name")
    made.folder.write("manifest.yaml", yaml.safe_dump({**MANIFEST, **changes}))
    return made


@pytest.fixture
def source(tmp_path: Path) -> Experiment:
    made = experiment(tmp_path / "there")
    checkpoint = ("base/checkpoint_000001/checkpoint.pt", "base/checkpoint_000001/out_of_fold.npz")
    for name in ("base/config.yaml", *checkpoint, "best/model.pt2", "lock.json"):
        made.folder.write(name, name)
    return made


@pytest.mark.parametrize("checkpoints", [False, True])
def test_the_copy_holds_all_but_the_lock_and_checkpoints_that_are_not_asked_for(
    tmp_path: Path, source: Experiment, checkpoints: bool
) -> None:
    target = Experiment.at(str(tmp_path / "here"), "group", "name")
    files, size = copied(source, target, checkpoints=checkpoints)
    wanted = {name: size for name, size in source.folder.sizes().items() if name != "lock.json"}
    if not checkpoints:
        del wanted["base/checkpoint_000001/checkpoint.pt"]
    assert target.folder.sizes() == wanted
    assert (files, size) == (len(wanted), sum(wanted.values()))


def test_a_second_copy_brings_what_is_new(tmp_path: Path, source: Experiment) -> None:
    target = Experiment.at(str(tmp_path / "here"), "group", "name")
    copied(source, target, checkpoints=False)
    source.folder.write("report.html", "new")
    source.folder.write("base/config.yaml", "changed")
    target.folder.write("base/failed.txt", "it is no more")
    target.folder.write("base/checkpoint_000001/checkpoint.pt", "fetched before")
    copied(source, target, checkpoints=False)
    assert (target.folder.read("report.html"), target.folder.read("base/config.yaml")) == ("new", "changed")
    assert not target.folder.exists("base/failed.txt")
    assert target.folder.exists("base/checkpoint_000001/checkpoint.pt")


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_removed_meanwhile_is_passed_over_and_what_cannot_be_read_is_not(
    tmp_path: Path, source: Experiment, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    gone, read = "base/checkpoint_000001/out_of_fold.npz", Folder.read_bytes

    def read_bytes(folder: Folder, name: str) -> bytes:
        if name != gone:
            return read(folder, name)
        if not is_there:
            folder.remove(name)
        raise InputError(f"{name} cannot be read")

    monkeypatch.setattr(Folder, "read_bytes", read_bytes)
    target = Experiment.at(str(tmp_path / "here"), "group", "name")
    with pytest.raises(InputError, match="cannot be read") if is_there else nullcontext():
        copied(source, target, checkpoints=False)
        assert target.folder.exists("best/model.pt2")
    assert not target.folder.exists(gone)


def test_another_experiment_is_not_written_over(tmp_path: Path, source: Experiment) -> None:
    target = experiment(tmp_path / "here", seed=2)
    before = target.folder.sizes()
    place = re.escape(target.folder.uri)
    with pytest.raises(InputError, match=f"^{place} is another experiment; choose another --output$"):
        copied(source, target, checkpoints=False)
    assert target.folder.sizes() == before


def test_what_is_no_experiment_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^there is no experiment in "):
        copied(*(Experiment.at(str(tmp_path / name), "group", "name") for name in "ab"), checkpoints=False)
    assert list(tmp_path.iterdir()) == []
