import codecs
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.document import MAX_BYTES, MAX_DEPTH, MAX_TEXT, MAX_VALUES, Document, brief, nearest, read_document
from tuner.errors import InputError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of one property share."""
    return tmp_path_factory.mktemp("scratch")


def read(folder: Path, text: str | bytes) -> Document:
    return read_document(written(folder, text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5E3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", float("-inf")),
        ("+7", 7),
        ("-0", 0),
        ("010", 10),
        ("08", 8),
        ("9" * 40, 10**40 - 1),
        ("9" * 41, 1e41),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2019-01-01", "2019-01-01"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'3'", "3"),
        ("!!str 3", "3"),
        ("!!int '3'", 3),
        ("!!float 3", 3.0),
        ('"\\u00e9"', "é"),
    ],
)
def test_a_value_is_what_yaml_1_2_says(tmp_path: Path, text: str, value: Any) -> None:
    found = read(tmp_path, f"key: {text}\n").values["key"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number(tmp_path: Path) -> None:
    found = read(tmp_path, "[.nan, .NaN]").values
    assert [number != number for number in found] == [True, True]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "S", "Zs")), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz_é:#-0", min_size=1, max_size=9), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_json_is_read_as_json_reads_it(scratch: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.dumps(read(scratch, text).values, ensure_ascii=False) == text


def test_a_value_stands_at_the_line_of_its_key_and_an_item_at_its_own(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: 1\n  c:\n    - 2\n    -\n      d: 3\n")
    assert {path: document.at(path).rpartition(":")[2] for path in document.lines} == {
        (): "1",
        ("a",): "1",
        ("a", "b"): "2",
        ("a", "c"): "3",
        ("a", "c", 0): "4",
        ("a", "c", 1): "6",
        ("a", "c", 1, "d"): "6",
    }


def test_what_is_missing_stands_at_the_nearest_value_around_it(tmp_path: Path) -> None:
    document = read(tmp_path, "\n\na:\n  b: 1\n")
    assert document.at(("a", "missing", 3)) == f"{tmp_path}/file.yaml:3"
    assert document.at(("missing",)) == f"{tmp_path}/file.yaml:3"


def test_an_empty_file_holds_null(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n") == Document(f"{tmp_path}/file.yaml", None, {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_with_or_without_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, "é: 1".encode(encoding)).values == {"é": 1}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"a: 1\na: 2", ":2: a stands twice; keep one$"),
        (b"x:\n  a: 1\n  b: 2\n  a: 3", ":4: x.a stands twice; keep one$"),
        (b"a: [1,\n2", r":2: this is not YAML: while parsing a flow sequence, expected ',' or ']'"),
        (b"a:\n\tb: 1", r":2: this is not YAML: while scanning for the next token, found character '\\t'"),
        (b"a: b: c", ":1: this is not YAML: mapping values are not allowed here$"),
        (b"a: *b", ":1: this is not YAML: found undefined alias 'b'$"),
        (b"a: 1\n---\nb: 2", ":2: this is not YAML: expected a single document in the stream, but found another"),
        (b'\n"\\UFFFFFFFF"', ":2: this is not YAML: a character's or a version's number is too large$"),
        (b"%YAML " + b"9" * 5000 + b".1\n---\na", ":1: this is not YAML: a character's or a version's number"),
        (b"a: 1\nb: \x07", r":2: this is not YAML: the character U\+0007 is not allowed$"),
        (b"\0", r":1: this is not YAML: the character U\+0000 is not allowed$"),
        ("a: 1\né: 2".encode("latin-1"), r":2: this is not UTF-8 text \(invalid continuation byte\); save the file as"),
        (codecs.BOM_UTF16_LE + b"a", r":1: this is not UTF-8 text \(truncated data\)"),
        ("a: 1".encode("utf-16-le"), r":1: this is not YAML: the character U\+0000 is not allowed$"),
        (b"? [a]\n: 1", ":1: a key must be a word, but got a sequence$"),
        (b"'': 1", ":1: a key must be a word, but got ''$"),
        (b'"a\\nb": 1', r":1: a key must be a word, but got 'a\\nb'$"),
        (b'"\\e[31m": 1', r":1: a key must be a word, but got '\\x1b\[31m'$"),
        (b'a: "\\uD800"', r":1: '\\ud800' holds half a character$"),
        (b"a: !!timestamp now", ":1: 'now' with the tag 'tag:yaml.org,2002:timestamp' is not a plain value$"),
        (b"a: !!int ''", ":1: '' with the tag 'tag:yaml.org,2002:int' is not a plain value$"),
        (b"a: !!float x", ":1: 'x' with the tag 'tag:yaml.org,2002:float' is not a plain value$"),
        (b"a: !!bool maybe", ":1: 'maybe' with the tag 'tag:yaml.org,2002:bool' is not a plain value$"),
        (b"a: !!binary aGk=", ":1: 'aGk=' with the tag 'tag:yaml.org,2002:binary' is not a plain value$"),
        (b"a: !!set {b}", ":1: the tag 'tag:yaml.org,2002:set' is not allowed$"),
        (b"!!python/object/apply:os.system [exit]", "1: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is"),
        (b"!mine {a: 1}", ":1: the tag '!mine' is not allowed$"),
    ],
)
def test_what_is_not_plain_yaml_is_said_with_its_line(tmp_path: Path, raw: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read(tmp_path, raw)
    assert str(caught.value).startswith(f"{tmp_path}/file.yaml:")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#" * (MAX_BYTES + 1), f"yaml holds more than {MAX_BYTES} bytes"),
        ("[" * (MAX_DEPTH + 1) + "x" + "]" * (MAX_DEPTH + 1), f":1: nested deeper than {MAX_DEPTH} levels$"),
        ("[" * 20_000, f":1: nested deeper than {MAX_DEPTH} levels$"),
        ("{a: " * 10_000, f":1: nested deeper than {MAX_DEPTH} levels$"),
        ("- " * 20_000, f":1: nested deeper than {MAX_DEPTH} levels$"),
        ("".join(f"{' ' * level}a:\n" for level in range(100)), f":31: nested deeper than {MAX_DEPTH} levels$"),
        ("a: &a [*a]", f":1: nested deeper than {MAX_DEPTH} levels$"),
        ("a: &a {b: *a}", f":1: nested deeper than {MAX_DEPTH} levels$"),
        (f"a: {'x' * (MAX_TEXT + 1)}", f":1: a text has at most {MAX_TEXT} characters, but got {MAX_TEXT + 1}$"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 13)),
            f"the file unfolds to more than {MAX_VALUES} values; write fewer, or fewer aliases$",
        ),
        (f"a: &a [{'x, ' * 200}]\nb: [{'*a ,' * 101}]", f"the file unfolds to more than {MAX_VALUES} values"),
    ],
    ids=["bytes", "levels", "brackets", "braces", "dashes", "blocks", "loop", "loop of keys", "text", "bomb", "wide"],
)
def test_a_file_larger_than_any_config_is_refused_unread(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)


def test_a_file_at_every_limit_is_read(tmp_path: Path) -> None:
    text = "[" * MAX_DEPTH + "x" * MAX_TEXT + "]" * MAX_DEPTH
    found = read(tmp_path, text.ljust(MAX_BYTES)).values
    for _ in range(MAX_DEPTH):
        (found,) = found
    assert found == "x" * MAX_TEXT


def test_an_alias_is_its_anchor(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &a {b: 1}\nc: [*a, *a]").values == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.yaml", "missing.yaml cannot be read: No such file or directory$"),
        (".", "cannot be read: Is a directory$"),
        ("x" * 300, "cannot be read: File name too long$"),
        ("a\0b", "cannot be read: embedded null byte$"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_document(tmp_path / name)


def test_what_would_be_waited_for_or_has_no_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match=f"^{file} is no regular file, but a pipe or a device$"):
            read_document(file)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="[]{}:,&*!?|>-#%'\"\\ \n\tab01.", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_one_sentence(scratch: Path, raw: bytes) -> None:
    try:
        read(scratch, raw)
        problem = f"{scratch}/file.yaml"
    except InputError as error:
        problem = str(error)
    assert problem.startswith(f"{scratch}/file.yaml")
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("word", "clause"),
    [
        ("learning_rat", "did you mean learning_rate? (allowed: learning_rate, max_steps)"),
        ("zzz", "allowed: learning_rate, max_steps"),
    ],
)
def test_nearest_names_what_is_close_and_what_is_allowed(word: str, clause: str) -> None:
    assert nearest(word, ["learning_rate", "max_steps"]) == clause


def test_nearest_of_nothing_allows_nothing() -> None:
    assert nearest("word", []) == "allowed: nothing"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (False, "false"), (1, "1"), ("a\nb", r"'a\nb'"), ("x" * 90, f"'{'x' * 56}...")],
)
def test_brief_is_at_most_60_characters_of_one_line(value: Any, text: str) -> None:
    assert brief(value) == text
    assert len(text) <= 60
