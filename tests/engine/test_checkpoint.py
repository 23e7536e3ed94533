import io
import json
import os
import pickle
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.checkpoint import FILE, Checkpoint, read_checkpoint, write_checkpoint
from tuner.engine.out_of_fold import no_evaluations
from tuner.engine.pack import Pack
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal
from tuner.engine.stopping import Patience
from tuner.errors import InputError


@pytest.fixture
def checkpoint(config: Config, dataset: Dataset) -> Checkpoint:
    pack = Pack(config, dataset, make_splits(config.data, 30), seed=1, device=torch.device("cpu"))
    pack.train(1)
    curve = no_evaluations(pack.splits, 30, 4).with_evaluation(1, pack.evaluate(), pack.splits, 1)
    return Checkpoint(pack.state(), Patience(3, 0.5, 1), 1, pack.weights(), curve)


def test_what_is_read_is_what_was_written(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint, beside={"more.txt": b"more"})
    read = read_checkpoint(tmp_path)
    assert (read.step, read.patience, read.best_step) == (1, Patience(3, 0.5, 1), 1)
    assert read.best_weights.keys() == checkpoint.best_weights.keys()
    for name, values in checkpoint.weights.items():
        for key, value in values.items():
            assert torch.equal(read.weights[name][key], value)
    assert np.array_equal(read.out_of_fold.predictions, checkpoint.out_of_fold.predictions, equal_nan=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [SEAL, FILE, "more.txt", "out_of_fold.npz"]


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_is_to_be_durable_waits_for_the_disk(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    write_checkpoint(tmp_path, checkpoint, durable=durable)
    assert len(waited) == 3 * durable
    assert read_checkpoint(tmp_path).step == 1


def test_the_seal_comes_last(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: (renamed.append(target.name), replace(path, target)))
    write_checkpoint(tmp_path, checkpoint)
    assert renamed == [FILE, "out_of_fold.npz", SEAL]


def test_no_sums_are_written_and_pytorchs_option_is_as_before(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert torch.serialization.get_crc32_options()
    write_checkpoint(tmp_path, checkpoint)
    with ZipFile(tmp_path / FILE) as file, pytest.raises(BadZipFile, match="Bad CRC-32"):
        file.read(next(name for name in file.namelist() if "/data/" in name))
    assert torch.serialization.get_crc32_options()


@pytest.mark.parametrize("name", [FILE, "out_of_fold.npz", SEAL])
@pytest.mark.parametrize("kept", [0, 10, 1000, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(checkpoint: Checkpoint, tmp_path: Path, name: str, kept: float) -> None:
    write_checkpoint(tmp_path, checkpoint)
    whole = (tmp_path / name).read_bytes()
    short = whole[: int(kept * len(whole)) if isinstance(kept, float) else min(kept, len(whole) - 1)]
    (tmp_path / name).write_bytes(short)
    with pytest.raises(InputError, match=f"is not a whole checkpoint: {name} is missing"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", [FILE, "out_of_fold.npz"])
def test_a_flipped_bit_is_noticed(checkpoint: Checkpoint, tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path, checkpoint)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"is not a whole checkpoint: {name} is missing, cut short or damaged"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", [FILE, "out_of_fold.npz", SEAL])
def test_a_missing_file_is_said_to_be_missing(checkpoint: Checkpoint, tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path, checkpoint)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"is not a whole checkpoint: {name} is missing"):
        read_checkpoint(tmp_path)


class Spy:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("spied", "w"))


def test_loading_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved = io.BytesIO()
    torch.save(Spy(), saved)
    for content in (saved.getvalue(), pickle.dumps(Spy())):
        (tmp_path / FILE).write_bytes(content)
        (tmp_path / SEAL).write_text(Seal.of(1, {FILE: content}).dump())
        with pytest.raises(InputError, match="is not a whole checkpoint: Weights only load failed"):
            read_checkpoint(tmp_path)
    assert not (tmp_path / "spied").exists()


def test_another_format_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint)
    seal = json.loads((tmp_path / SEAL).read_text())
    (tmp_path / SEAL).write_text(json.dumps({**seal, "format": 99}))
    with pytest.raises(InputError, match="has the checkpoint format 99, and this version reads 4"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "a/b", "..", "", "\x1b[31m"])
def test_a_seal_names_files_of_its_folder_alone(checkpoint: Checkpoint, tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path, checkpoint)
    seal = json.loads((tmp_path / SEAL).read_text())
    seal["crc32"][name] = 0
    (tmp_path / SEAL).write_text(json.dumps(seal))
    with pytest.raises(InputError, match=r"is not a whole checkpoint: checkpoint\.json is missing or not whole$"):
        read_checkpoint(tmp_path)
