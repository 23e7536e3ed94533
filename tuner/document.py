"""A YAML file as plain values that know the lines they stand on."""

import codecs
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from tuner import errors
from tuner.errors import InputError

MAX_BYTES = 50_000
MAX_VALUES = 20_000
MAX_DEPTH = 30
MAX_TEXT = 1000
"""Characters of one word; an alias repeats it for three bytes of file."""

Scalar = str | int | float | bool | None
TAGS = "tag:yaml.org,2002:"


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


def _number(text: str) -> float:
    return float(text.replace(".", "", 1) if text.lower().endswith(("inf", "nan")) else text)


_KINDS: dict[str, tuple[str, re.Pattern[str], Callable[[str], Scalar]]] = {
    "null": ("~nN", re.compile(r"(?:~|null|Null|NULL|)\Z"), lambda _: None),
    "bool": ("tTfF", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), lambda text: text.lower() == "true"),
    "int": ("-+0123456789", re.compile(r"[-+]?[0-9]{1,40}\Z"), int),
    "float": (
        "-+.0123456789",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        _number,
    ),
}
"""For each kind of value that is not a word: its first characters, what it looks like, and what it is."""


class _Loader(yaml.SafeLoader):
    """YAML as its version 1.2 reads numbers and truth values: `1e-3` and `010` are numbers, `on` and `no` are words."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # the library's name for it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The node, if it is not nested too deep: the library would call itself until Python stops it."""
        self.depth += 1
        if self.depth > MAX_DEPTH + 1:
            raise InputError(f"{self.name}:{self.line + 1}: nested deeper than {MAX_DEPTH} levels")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _kind, (_first, _pattern, _) in _KINDS.items():
    _Loader.add_implicit_resolver(f"{TAGS}{_kind}", _pattern, [*_first, ""] if _kind == "null" else list(_first))


def read_document(path: str | Path) -> Document:
    """The file's values and their lines.

    Raises:
        InputError: the file cannot be read, is not YAML, repeats a key, or unfolds to more than a config can be.
    """
    file = str(path)
    raw = read_file(path, MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise InputError(f"{file} holds more than {MAX_BYTES} bytes, the most that a config or mutations file can have")
    lines: dict[errors.Path, int] = {}
    values = _unfold(_compose(decoded(raw, file), file), file, (), lines)
    return Document(file, values, lines)


def read_file(path: str | Path, most: int = -1) -> bytes:
    """The content of a file, or the first bytes of it.

    Raises:
        InputError: it cannot be read, or is no regular file: a pipe would be waited for, and a device may have no end.
    """
    try:
        check_regular(Path(path))
        with Path(path).open("rb") as stream:
            return stream.read(most)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def check_regular(path: Path) -> None:
    """Nothing happens if a file can be read to its end at once; that a folder cannot be is for others to say.

    Raises:
        InputError: it is a pipe or a device.
        OSError: it is not there.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path} is no regular file, but a pipe or a device")


def decoded(raw: bytes, file: str) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        InputError: it is in another encoding; the line is the first that shows it.
    """
    try:
        return raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{file}:{line}: this is not UTF-8 text ({error.reason}); save the file as UTF-8") from None


def nearest(word: str, known: list[str]) -> str:
    """A clause that names the known word closest to a misspelt one, and all that are allowed."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    allowed = f"allowed: {', '.join(known) or 'nothing'}"
    return f"did you mean {close[0]}? ({allowed})" if close else allowed


def brief(value: Any) -> str:
    """A value as YAML writes it, in at most 60 characters."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _compose(text: str, file: str) -> yaml.Node | None:
    line = 0
    try:
        loader = _Loader(text)
        loader.name = file
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        problem = ", ".join(part for part in (error.context, error.problem) if part)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        problem = f"the character U+{int(error.character):04X} is not allowed"
    except (ValueError, OverflowError):
        line = loader.line
        problem = "a character's or a version's number is too large"
    raise InputError(f"{file}:{line + 1}: this is not YAML: {problem}")


def _unfold(node: yaml.Node | None, file: str, path: errors.Path, lines: dict[errors.Path, int]) -> Any:
    if node is None:
        return None
    where = f"{file}:{node.start_mark.line + 1}"
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > MAX_VALUES:
        raise InputError(f"{where}: the file unfolds to more than {MAX_VALUES} values; write fewer, or fewer aliases")
    if len(path) > MAX_DEPTH:
        raise InputError(f"{where}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, yaml.CollectionNode) and node.tag not in (f"{TAGS}map", f"{TAGS}seq"):
        raise InputError(f"{where}: the tag {node.tag[:60]!r} is not allowed")
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
        if not key.isprintable() or not 1 <= len(key) <= MAX_TEXT:
            raise InputError(f"{where}: a key must be a word, but got {brief(key)}")
        if key in values:
            raise InputError(f"{where}: {errors.dotted((*path, key))} stands twice; keep one")
        inner = (*path, key)
        lines[inner] = key_node.start_mark.line + 1
        values[key] = _unfold(value_node, file, inner, lines)
    return values


def _scalar(node: yaml.Node, where: str) -> Scalar:
    kind = node.tag.removeprefix(TAGS)
    if kind == "str":
        if len(node.value) > MAX_TEXT:
            raise InputError(f"{where}: a text has at most {MAX_TEXT} characters, but got {len(node.value)}")
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            raise InputError(f"{where}: {brief(node.value)} holds half a character")
        return str(node.value)
    _, pattern, convert = _KINDS.get(kind, ("", None, str))
    if pattern is None or not pattern.match(node.value):
        raise InputError(f"{where}: {brief(node.value)} with the tag {node.tag[:60]!r} is not a plain value")
    return convert(node.value)
