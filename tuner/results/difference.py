"""What differs between two files' values, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tuner.document import brief
from tuner.errors import Path, dotted

BRIEF = 60
ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """A value that is another now, is there only now, or was there only then.

    Attributes:
        path: Keys and list indices that lead to it.
        then: The value; `ABSENT` where there was none.
        now: As above.
    """

    path: Path
    then: Any
    now: Any

    def said(self, file: str) -> str:
        """A clause that follows `it began with`."""
        name = dotted(self.path)
        if self.then is ABSENT:
            return f"no {name}, which is {brief(self.now)} in {file}"
        if self.now is ABSENT:
            return f"{name} {brief(self.then)}, which is not in {file}"
        values = (self.then, self.now)
        if all(isinstance(value, list) for value in values) and any(len(repr(value)) > BRIEF for value in values):
            return f"{len(self.then)} values of {name}, not {len(self.now)}, in {file}"
        return f"{name} {brief(self.then)}, not {brief(self.now)}, in {file}"


def differences(then: Any, now: Any, path: Path = ()) -> Iterator[Difference]:
    """Each value that differs, as deep inside as the two are alike in shape."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in [*then, *(key for key in now if key not in then)]:
            yield from differences(then.get(key, ABSENT), now.get(key, ABSENT), (*path, key))
    elif isinstance(then, list) and isinstance(now, list) and _aligned(then, now):
        for index, (before, after) in enumerate(zip_longest(then, now, fillvalue=ABSENT)):
            yield from differences(before, after, (*path, index))
    elif then is ABSENT or now is ABSENT or then != now:
        yield Difference(path, then, now)


def _aligned(then: list[Any], now: list[Any]) -> bool:
    """Whether items at the same place are the same thing: none was put between others, or taken from there."""
    common = min(len(then), len(now))
    groups = all(isinstance(item, dict) for item in (*then, *now))
    return len(then) == len(now) or (groups and then[:common] == now[:common])
