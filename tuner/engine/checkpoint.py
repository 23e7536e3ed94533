"""A trial's state on disk: written whole or not at all, read without running code."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tuner.document import read_file
from tuner.engine.out_of_fold import FILE as OUT_OF_FOLD
from tuner.engine.out_of_fold import OutOfFold, read_out_of_fold
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal, read_seal
from tuner.engine.stopping import Patience
from tuner.errors import InputError, clause
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import Lineage, dump_lineage, read_lineage

FILE = "checkpoint.pt"

Weights = dict[str, dict[str, Tensor]]
"""Replicate name to the weights of its network."""


@dataclass(frozen=True)
class Checkpoint:
    """What a trial goes on from, and the best that it had.

    Attributes:
        pack: The pack's state.
        patience: Of the last evaluation.
        best_step: Where the lowest RMSE was; None before the first finite one.
        best_weights: Every replicate's weights at that step; tensors that `pack` holds too are written once.
        out_of_fold: The held-out predictions so far.
        lineage: The configs that led here; it is written if there are several.
    """

    pack: dict[str, Any]
    patience: Patience
    best_step: int | None
    best_weights: Weights
    out_of_fold: OutOfFold
    lineage: Lineage = ()

    @property
    def step(self) -> int:
        """Training steps taken."""
        return int(self.pack["step"])

    @property
    def weights(self) -> Weights:
        """Every replicate's weights at the last step."""
        return {name: state["net"] for name, state in self.pack["replicates"].items()}


def write_checkpoint(
    folder: Path, checkpoint: Checkpoint, *, beside: Mapping[str, bytes] | None = None, durable: bool = True
) -> None:
    """The folder holds the checkpoint; if a crash comes before its end, it is not whole.

    The held-out predictions are a file of their own beside it, small and quick to read without the weights; so is the
    lineage, if there is one. A seal comes last, with the format and the checksums of them all: see `Seal`.

    Args:
        folder: It exists.
        checkpoint: What to write.
        beside: More files of the checkpoint, by name.
        durable: Whether this holds if the machine loses its power, too; files that are only copied elsewhere need not
            wait for the disk.
    """
    files = {FILE: _weights_file(checkpoint), OUT_OF_FOLD: checkpoint.out_of_fold.dump(), **(beside or {})}
    if len(checkpoint.lineage) > 1:
        files[LINEAGE] = dump_lineage(checkpoint.lineage).encode()
    seal = Seal.of(checkpoint.step, files).dump().encode()
    for name, content in [*files.items(), (SEAL, seal)]:
        _write(folder / name, content, durable=durable)


def _weights_file(checkpoint: Checkpoint) -> bytes:
    content = {
        "pack": checkpoint.pack,
        "patience": asdict(checkpoint.patience),
        "best_step": checkpoint.best_step,
        "best_weights": checkpoint.best_weights,
    }
    file = io.BytesIO()
    with _no_checksums():
        torch.save(content, file)
    return file.getvalue()


def _write(path: Path, content: bytes, *, durable: bool) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    partial.replace(path)


@contextmanager
def _no_checksums() -> Iterator[None]:
    """PyTorch sums up what it saves, slowly, and never looks at the sums when it loads: the seal has one."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in a folder.

    Raises:
        InputError: it is not a whole checkpoint of this format.
    """
    place = str(folder)
    try:
        seal = read_seal(_content(folder / SEAL).decode(errors="replace"), place)
        files = seal.unsealed(lambda name: _content(folder / name), place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of pickles that it then refuses
            content = torch.load(io.BytesIO(files[FILE]), map_location="cpu", weights_only=True)
        _check(content)
        return Checkpoint(
            content["pack"],
            Patience(**content["patience"]),
            content["best_step"],
            content["best_weights"],
            read_out_of_fold(files[OUT_OF_FOLD], f"{place}/{OUT_OF_FOLD}"),
            read_lineage(files[LINEAGE].decode(errors="replace"), f"{place}/{LINEAGE}") if LINEAGE in files else (),
        )
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # of a garbled file, PyTorch raises whatever it stumbles over
        raise InputError(f"{place} is not a whole checkpoint: {clause(error)}") from None


def _check(content: dict[str, Any]) -> None:
    """Nothing happens if the parts that are relied on are there, and of their types.

    Raises:
        KeyError: one is missing.
        ValueError: one is of another type.
    """
    weights = (content["best_weights"], {name: state["net"] for name, state in content["pack"]["replicates"].items()})
    nets = [net for named in weights for net in named.values()]
    if not all(isinstance(net, dict) and all(isinstance(value, Tensor) for value in net.values()) for net in nets):
        raise ValueError("it holds weights that are none")
    steps = (content["pack"]["step"], 0 if content["best_step"] is None else content["best_step"])
    if not all(type(step) is int and 0 <= step < 2**63 for step in steps) or type(content["patience"]) is not dict:
        raise ValueError("it holds steps that cannot be")


def _content(path: Path) -> bytes:
    """Of a file; empty if there is none."""
    return read_file(path) if path.exists() else b""
