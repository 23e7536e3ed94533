"""A trial's evaluations as text, one a line, put right after a crash."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

RESULTS, TABLE, CARRIED = "result.json", "progress.csv", "rows.jsonl"
"""In a trial's folder, the same for a spreadsheet, and in a checkpoint."""


def history_until(text: str, step: int, carried: Iterable[str] = ()) -> str:
    """The lines of a `result.json` up to a step, in order and each step once.

    Args:
        text: Of the file; the last line of a step counts, and one that is cut short does not.
        step: The last.
        carried: Lines that are known from elsewhere, and count more.
    """
    by_step = {number: line for line in (*text.splitlines(), *carried) if (number := _step(line)) is not None}
    return "".join(f"{by_step[number]}\n" for number in sorted(by_step) if number <= step)


def table_until(text: str, history: str) -> str:
    """The rows of a `progress.csv` that a history has, in order and each step once; those that it lacks are added.

    Args:
        text: Of the file; if there is none, the first row of the history says which columns it has.
        history: See `history_until`.
    """
    reader = csv.DictReader(io.StringIO(text if "\n" in text else "", newline=""))
    try:
        names, rows = list(reader.fieldnames or ()), list(reader)
    except csv.Error:
        names, rows = [], []
    history_rows = [json.loads(line) for line in history.splitlines()]
    names = names or list(_flat(history_rows[0]) if history_rows else ())
    known = {row["step"]: row for row in rows if row.get("step") and None not in row and None not in row.values()}
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\r\n")
    if names:
        writer.writeheader()
        for row in history_rows:
            writer.writerow(known.get(str(row["step"]), _flat(row)))
    return file.getvalue()


def rows_in(lines: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """The rows in lines that are whole."""
    return tuple(json.loads(line) for line in lines if _step(line) is not None)


def _step(line: str) -> int | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = row.get("step") if isinstance(row, dict) else None
    return step if type(step) is int else None


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= _flat(value, f"{prefix}{name}/") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
