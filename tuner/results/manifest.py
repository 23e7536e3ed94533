"""What was run: enough to run it again."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from tuner import __version__
from tuner.config import Config
from tuner.engine.seal import FORMAT
from tuner.errors import InputError
from tuner.settings import plain

VERSIONS = ("ray", "torch", "numpy")


NOT_YAML = (ValueError, RecursionError, IndexError, KeyError, AttributeError, TypeError, OverflowError)
"""What the YAML library lets through, of `!!int ''`, `!!bool maybe`, `!!timestamp now` and the like."""


@dataclass(frozen=True)
class Plan:
    """What the user asked for.

    Attributes:
        command: As it was typed.
        options: The command's, by name.
        seed: Decides everything random.
        depth: The longest sequence of mutations.
        base: The base config.
        mutations: The mutations file's values.
        variants: Name to the names of its mutations, the control first.
        data: The folder of the data set, absolute, or `simulated`.
        fingerprint: The data set's.
        neurons: Names.
    """

    command: str
    options: dict[str, Any]
    seed: int
    depth: int
    base: Config
    mutations: Any
    variants: dict[str, list[str]]
    data: str
    fingerprint: str
    neurons: tuple[str, ...]

    def manifest(self) -> dict[str, Any]:
        """The plan as `manifest.yaml` holds it, with the versions it is run with, and the format of its checkpoints."""
        plan = {**vars(self), "base": plain(self.base), "neurons": list(self.neurons)}
        versions = {"python": platform.python_version(), "tuner": __version__} | {
            name: version(name) for name in VERSIONS
        }
        return {**plan, "versions": versions, "checkpoint_format": FORMAT}


class _File(BaseModel, extra="allow", strict=True):
    """What is relied on in a `manifest.yaml`; what an earlier version or a test leaves out is None."""

    variants: dict[str, list[str]] = Field(min_length=1)
    options: dict[str, Any] | None = None
    versions: dict[str, Any] | None = None
    seed: int | None = None
    data: str | None = None
    fingerprint: str | None = None


def read_manifest(text: str, place: str) -> dict[str, Any]:
    """The manifest in the text of a file at `place`.

    Raises:
        InputError: it is not whole, or a variant's name is none of a folder.
    """
    try:
        manifest = yaml.safe_load(text)
        found = _File.model_validate(manifest)
    except (yaml.YAMLError, ValidationError, *NOT_YAML):
        raise InputError(f"{place} is not whole") from None
    for name in found.variants:
        if not name.isprintable() or name in ("", ".", "..") or set(name) & set("/\\") or len(name.encode()) > 255:
            raise InputError(f"{place}: {name[:60]!r} cannot be a variant's name")
    known: dict[str, Any] = {key: value for key, value in manifest.items() if value is not None}
    return known
