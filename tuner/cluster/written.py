"""A cluster file's values as Ray reads them, and the line of each."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tuner import errors
from tuner.document import Document, brief, decoded, read_document, read_file
from tuner.errors import ConfigError, InputError


def read_written(path: Path) -> Document:
    """The values with anchors and merge keys followed, in YAML 1.1, as Ray has it: `no` is false, `0x10` is 16.

    Raises:
        InputError: as `read_document`; or it is no mapping, or holds what no setting can be.
    """
    lines = read_document(path)  # refuses what is too large, unfolds to too much, or says a thing twice
    values = _plain(_loaded(path))
    if not isinstance(values, dict):
        raise InputError(f"{lines.at(())}: a cluster file is a mapping with the keys cluster_name, provider and others")
    try:
        _check_words(values, ())
    except ConfigError as error:
        raise InputError(f"{lines.at(error.path)}: {error}") from None
    return Document(str(path), values, lines.lines)


def _loaded(path: Path) -> Any:
    line, problem = 0, ""
    try:
        return yaml.safe_load(decoded(read_file(path), str(path)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        problem = ", ".join(part for part in (error.context, error.problem) if part)
    except (ValueError, OverflowError, yaml.YAMLError, RecursionError) as error:  # 2026-99-99, and other near misses
        problem = errors.clause(error)
    raise InputError(f"{path}:{line + 1}: Ray cannot read this: {errors.short(problem)}")


def _plain(value: Any) -> Any:
    """The value, dates as their text: no setting of a cluster is a date, and so it is said what it should be."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, date) else value


def _check_words(values: Any, path: errors.Path) -> None:
    for key, inner in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(values, dict) and not isinstance(key, str):
            raise ConfigError(path, f"has the key {brief(key)}, which must be a word; put it in quotation marks")
        if isinstance(inner, (dict, list)):
            _check_words(inner, (*path, key))
