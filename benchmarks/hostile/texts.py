"""Hostile YAML, JSON and CSV: valid values of which some are replaced by odd ones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.hostile.damage import SPRUNG, sometimes_damaged

WORDS = (
    *("", " ", "\0", "\n", "\x1b[31m", "\u202e", "\u2028", "x" * 300, "x" * 5000, "é" * 200, "\U0001f600", "base"),
    *("../x", "..", ".", "/etc/passwd", "/dev/zero", "a/b", "a\\b", "C:\\x", "CON", "NUL.txt", "~", "$HOME", "%s%n"),
    *("os.system", "subprocess.call", "code.interact", "this.s", "tuner.run.main", "a.b", "__class__", "=1+1"),
)
NUMBERS = (
    *("0", "-1", "1", "2", "3", "0.5", "-0.0", "1e999", "-1e999", "1e308", "5e-324", "1e-400", "65536", "65537"),
    *("4096", "1000000", "1000001", "9223372036854775807", "9223372036854775808", "18446744073709551616", "true"),
    *("9" * 39, "9" * 400, "9" * 5000, "null", "false", "[]", "{}", "[[]]", "[1, 2]", '{"a": 1}', '[{"a": [1]}]'),
)
OF_JSON = (
    *("NaN", "Infinity", "-Infinity", '"\\ud800"', '"\\u0000"', "[" * 3000, "[" * 40 + "]" * 40, "{", "'x'", "01"),
    *('{"a": 1, "a": 2}', "[1,]", "// x"),
)
OF_YAML = (
    *(
        ".nan",
        "-.inf",
        '"\\uD800"',
        '"\\UFFFFFFFF"',
        "0x10",
        "0o17",
        "1_000",
        "1:30",
        "2020-99-99",
        "*a",
        "&a [*a, *a]",
    ),
    *(f"!!python/object/apply:builtins.open [{SPRUNG}, w]", "!!python/name:os.system ''", "!!python/object:os.x {}"),
    *("!!int ''", "!!float ''", "!!bool maybe", "!!timestamp now", "!!binary aGk", "!!set {a}", "!!omap [a]", "!x y"),
    *(
        "{<<: *a}",
        "{<<: [1]}",
        "{? [a] : 1}",
        "{[a]: 1}",
        "{'': 1}",
        "{1: 2, 1: 3}",
        "[" * 40 + "]" * 40,
        "|",
        "%",
        "@",
    ),
    "[&a [x, x, x, x, x, x, x, x], &b [*a, *a, *a, *a, *a, *a, *a], &c [*b, *b, *b, *b, *b, *b], [*c, *c, *c, *c, *c]]",
)
CELLS = (
    *("", " ", "nan", "NA", "inf", "-1", "-0", "1e300", "1e-400", "1_0", "0x1", "٣", "1,5", '"', '"a', 'a"b', '"a\nb"'),
    *(
        "\0",
        "\t",
        "\r",
        "\x1b[31m",
        "9" * 5000,
        "x" * 140_000,
        "1.5",
        "0",
        "1",
        "2",
        "3",
        "4",
        "00",
        "1e0",
        "+1",
        "Id",
        "a",
    ),
    *("../x", "=1+1", "\ud7ff", "\U0001f600", "1;2"),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "cp037")


@dataclass(frozen=True)
class Raw:
    """A text that stands in a file as it is."""

    text: str


def hostile_yaml(values: Sequence[Any], rng: Random, extra: tuple[str, ...] = ()) -> bytes:
    """A YAML file: one of the values, with odd ones in place of some of its parts."""
    return _file(_text(_odd(rng.choice(values), rng, (*OF_YAML, *extra)), rng), rng)


def hostile_json(values: Sequence[Any], rng: Random) -> bytes:
    """A JSON text: one of the values, with odd ones in place of some of its parts."""
    return _file(_text(_odd(rng.choice(values), rng, OF_JSON), rng), rng)


def hostile_csv(rows: Sequence[Sequence[str]], rng: Random) -> bytes:
    """A table with odd cells, rows or line ends."""
    table = [list(row) for row in rows]
    for _ in range(rng.randint(0, 3)):
        row = rng.choice(table)
        kind = rng.randrange(6)
        if kind < 3 and row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        elif kind == 3:
            row.insert(rng.randint(0, len(row)), rng.choice(CELLS))
        elif kind == 4 and row:
            row.pop()
        else:
            table.insert(rng.randint(0, len(table)), list(row))
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    comma = ";" if rng.random() < 0.02 else ","
    return _file(end.join(comma.join(row) for row in table) + end, rng)


def _file(text: str, rng: Random) -> bytes:
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.05 else "utf-8"
    return sometimes_damaged(text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace"), rng)


def _odd(value: Any, rng: Random, more: tuple[str, ...]) -> Any:
    """The value with up to 3 of its parts odd."""
    for _ in range(rng.randint(0, 3)):
        value = _once(value, rng, more)
    return value


def _once(value: Any, rng: Random, more: tuple[str, ...]) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return _leaf(rng, more)
    if isinstance(value, list):
        place = rng.randrange(len(value))
        inner = value[place]
        kind = rng.random()
        if kind < 0.1:
            return value[:place] + value[place + 1 :]
        return [*value[:place], *([inner] if kind < 0.2 else ()), _once(inner, rng, more), *value[place + 1 :]]
    key = rng.choice(list(value))
    kind = rng.random()
    if kind < 0.1:
        return {name: inner for name, inner in value.items() if name != key}
    if kind < 0.2:
        new = rng.choice((*WORDS, key + "x", key[:-1]))
        return {new if name == key else name: inner for name, inner in value.items()}
    if kind < 0.25:
        return {**value, rng.choice(WORDS): _leaf(rng, more)}
    return {**value, key: _once(value[key], rng, more)}


def _leaf(rng: Random, more: tuple[str, ...]) -> Any:
    kind = rng.randrange(3)
    return rng.choice(WORDS) if kind == 0 else Raw(rng.choice(NUMBERS if kind == 1 else more))


def _text(value: Any, rng: Random) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key, ensure_ascii=False)}: {_text(inner, rng)}" for key, inner in value.items()]
        if pairs and rng.random() < 0.01:
            pairs.append(rng.choice(pairs))
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(inner, rng) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)
