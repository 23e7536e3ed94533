"""What says that a checkpoint is whole: a small file beside its others, written last, with their checksums."""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from tuner.errors import InputError, short

FILE = "checkpoint.json"
FORMAT = 4


@dataclass(frozen=True)
class Seal:
    """A checkpoint's format, step and checksums.

    Attributes:
        step: Training steps taken.
        crc32: Name of a file to the checksum of its content; storage fails by chance, not on purpose.
    """

    step: int
    crc32: Mapping[str, int]

    @staticmethod
    def of(step: int, files: Mapping[str, bytes]) -> "Seal":
        """The seal of files with this content."""
        return Seal(step, {name: zlib.crc32(content) for name, content in files.items()})

    def dump(self) -> str:
        """JSON text that `read_seal` reads."""
        return json.dumps({"format": FORMAT, "step": self.step, "crc32": dict(self.crc32)})

    def only(self, *names: str) -> "Seal":
        """The same of some of the files."""
        return Seal(self.step, {name: self.crc32[name] for name in names if name in self.crc32})

    def unsealed(self, read: Callable[[str], bytes], place: str) -> dict[str, bytes]:
        """The content of every file.

        Args:
            read: The content of the file of a name; empty if there is none.
            place: Of the checkpoint, for the error.

        Raises:
            InputError: one is not what was sealed.
        """
        files = {name: read(name) for name in self.crc32}
        for name, content in files.items():
            if zlib.crc32(content) != self.crc32[name]:
                raise InputError(f"{place} is not a whole checkpoint: {name} is missing, cut short or damaged")
        return files


class _File(BaseModel, extra="forbid", strict=True):
    format: int
    step: int
    crc32: dict[str, int]


def read_seal(text: str, place: str) -> Seal:
    """The seal in the text of a file of the checkpoint at `place`.

    Raises:
        InputError: it is not whole, or of another format.
    """
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "format" not in found:
        raise InputError(f"{place} is not a whole checkpoint: {FILE} is missing or not whole")
    if found["format"] != FORMAT:
        raise InputError(
            f"{place} has the checkpoint format {short(repr(found['format']), 60)}, and this version reads {FORMAT}"
        )
    try:
        file = _File.model_validate(found)
    except ValidationError:
        file = None
    if file is None or not all(re.fullmatch(r"\w[\w.-]*", name, re.ASCII) for name in file.crc32):
        raise InputError(f"{place} is not a whole checkpoint: {FILE} is missing or not whole") from None
    return Seal(file.step, file.crc32)
