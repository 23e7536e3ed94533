"""A trial's state on disk: written whole or not at all, read without running code."""

import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from tuner.engine.out_of_fold import FILE as OUT_OF_FOLD
from tuner.engine.out_of_fold import OutOfFold, read_out_of_fold
from tuner.engine.stopping import Patience
from tuner.errors import InputError
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import Lineage, dump_lineage, read_lineage

FORMAT = 3
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


def write_checkpoint(path: Path, checkpoint: Checkpoint, *, durable: bool = True) -> None:
    """The file at `path` holds the checkpoint; a crash on the way leaves what was there before.

    The held-out predictions are a file of their own beside it, small and quick to read without the weights; so is the
    lineage, if there is one.

    Args:
        path: Its folder exists.
        checkpoint: What to write.
        durable: Whether this holds if the machine loses its power, too; a file that is only copied elsewhere need not
            wait for the disk.
    """
    content = {
        "format": FORMAT,
        "pack": checkpoint.pack,
        "patience": asdict(checkpoint.patience),
        "best_step": checkpoint.best_step,
        "best_weights": checkpoint.best_weights,
    }

    def save(file: BinaryIO) -> None:
        with _no_checksums():
            torch.save(content, file)

    _write(path.with_name(OUT_OF_FOLD), lambda file: file.write(checkpoint.out_of_fold.dump()), durable=durable)
    if len(checkpoint.lineage) > 1:
        text = dump_lineage(checkpoint.lineage).encode()
        _write(path.with_name(LINEAGE), lambda file: file.write(text), durable=durable)
    _write(path, save, durable=durable)


def _write(path: Path, write: Callable[[BinaryIO], object], *, durable: bool) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        write(file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    partial.replace(path)


@contextmanager
def _no_checksums() -> Iterator[None]:
    """PyTorch sums up what it saves, which takes as long as to write it, and never looks at the sums when it loads."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file.

    Raises:
        InputError: the file is not a whole checkpoint of this format.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of pickles that it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT:
            raise InputError(f"{path} has the checkpoint format {content['format']!r}, and this version reads {FORMAT}")
        beside, lineage = path.with_name(OUT_OF_FOLD), path.with_name(LINEAGE)
        return Checkpoint(
            content["pack"],
            Patience(**content["patience"]),
            content["best_step"],
            content["best_weights"],
            read_out_of_fold(beside.read_bytes(), str(beside)),
            read_lineage(lineage.read_text(), str(lineage)) if lineage.is_file() else (),
        )
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{path} is not a whole checkpoint: {reason}") from None
