"""What a check found."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        kind: A problem is what the cluster would fail of; a note is worth knowing, or says what was not looked at.
        text: What was looked at and found; of a problem also its cure.
    """

    kind: Kind
    text: str


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def note(text: str) -> Finding:
    """Worth knowing."""
    return Finding("note", text)


def problem(text: str) -> Finding:
    """The cluster would fail of it."""
    return Finding("problem", text)
