"""A YAML file as plain values that know the lines they stand on."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from tuner import errors
from tuner.errors import InputError

MAX_BYTES = 100_000
MAX_VALUES = 20_000
MAX_DEPTH = 30


@dataclass(frozen=True)
class Document:
    """The values of one YAML file, and the line of each."""

    file: str
    values: Any
    lines: dict[errors.Path, int]

    def at(self, path: errors.Path) -> str:
        """`file:line` of the value at `path`, or of the nearest value that encloses it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


class _Loader(yaml.SafeLoader):
    """YAML as its version 1.2 reads numbers and truth values: `1e-3` is a number, `on` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge", ":value"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]{1,40}$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)


def read_document(path: str | Path) -> Document:
    """The file's values and their lines.

    Raises:
        InputError: the file cannot be read, is not YAML, repeats a key, or unfolds to more than a config can be.
    """
    file = str(path)
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{file} holds {len(raw)} bytes; a config or mutations file has at most {MAX_BYTES}")
    lines: dict[errors.Path, int] = {}
    try:
        values = _unfold(_compose(raw, file), file, (), lines)
    except RecursionError:
        raise InputError(f"{file} is nested deeper than {MAX_DEPTH} levels") from None
    return Document(file, values, lines)


def nearest(word: str, known: list[str]) -> str:
    """A clause that names the known word closest to a misspelt one, and all that are allowed."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"{guess}(allowed: {', '.join(known) or 'nothing'})"


def _compose(raw: bytes, file: str) -> yaml.Node | None:
    try:
        loader = _Loader(raw)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{file}:{line}: this is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not YAML text: {str(error).splitlines()[0]}") from None


def _unfold(node: yaml.Node | None, file: str, path: errors.Path, lines: dict[errors.Path, int]) -> Any:
    if node is None:
        return None
    where = f"{file}:{node.start_mark.line + 1}"
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > MAX_VALUES:
        raise InputError(f"{where}: the file unfolds to more than {MAX_VALUES} values; write fewer, or fewer aliases")
    if len(path) > MAX_DEPTH:
        raise InputError(f"{where}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, file, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_unfold(item, file, (*path, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node, where)


def _mapping(node: yaml.MappingNode, file: str, path: errors.Path, lines: dict[errors.Path, int]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = f"{file}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise InputError(f"{where}: a key must be a word, but got a {key_node.id}")
        key = key_node.value
        if key in values:
            raise InputError(f"{where}: {errors.dotted((*path, key))} stands twice; keep one")
        inner = (*path, key)
        lines[inner] = key_node.start_mark.line + 1
        values[key] = _unfold(value_node, file, inner, lines)
    return values


def _scalar(node: yaml.Node, where: str) -> Hashable:
    try:
        value: Hashable = _Loader("").construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        raise InputError(f"{where}: {str(node.value)[:60]!r} with the tag {node.tag} is not a plain value") from None
    if not (value is None or isinstance(value, str | int | float)):
        raise InputError(f"{where}: {str(node.value)[:60]!r} is not a plain value")
    return value
