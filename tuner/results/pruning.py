"""Which checkpoints of an experiment may go when its folder is to become smaller."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tuner.engine.checkpoint import FILE
from tuner.results.files import CHECKPOINT, checkpoint_name

IN_CHECKPOINT = re.compile(rf"(?P<trial>.+)/{CHECKPOINT}(?P<number>[0-9]+)/[^/]+")
KEPT_LIVE, KEPT_ENDED = 2, 1
"""Of a trial that goes on: the last one may be cut short. Of one that has ended: what it predicted is in its last."""


@dataclass(frozen=True)
class Pruning:
    """What goes.

    Attributes:
        paths: Folders of checkpoints, and files of weights.
        total: Bytes that are left.
    """

    paths: tuple[str, ...]
    total: int


def pruning(sizes: Mapping[str, int], budget: int, live: Collection[str], needed: Collection[str]) -> Pruning:
    """As little as possible goes, until the files take no more than the budget.

    First all but the last checkpoints of trials that have ended, then all but the last two of those that go on, the
    oldest first; then the weights of trials that have ended, whose held-out predictions stay.

    Args:
        sizes: Bytes of each file, by its path in the experiment's folder.
        budget: Bytes.
        live: Paths of the folders of trials that go on.
        needed: Paths of checkpoints that trials go on from, their own or another's.
    """
    total, gone = sum(sizes.values()), list[str]()
    checkpoints = _checkpoints(sizes)
    for path in (*_surplus(checkpoints, live, needed), *_weights(checkpoints, live, needed)):
        if total <= budget:
            break
        gone.append(path)
        total -= sum(size for file, size in sizes.items() if file == path or file.startswith(f"{path}/"))
    return Pruning(tuple(gone), total)


def _checkpoints(sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """Trial to the numbers of its checkpoints, ascending."""
    found: dict[str, set[int]] = {}
    for file in sizes:
        match = IN_CHECKPOINT.fullmatch(file)
        if match:
            found.setdefault(match["trial"], set()).add(int(match["number"]))
    return {trial: sorted(numbers) for trial, numbers in sorted(found.items())}


def _surplus(checkpoints: Mapping[str, list[int]], live: Collection[str], needed: Collection[str]) -> list[str]:
    old = [
        (trial in live, number, _path(trial, number))
        for trial, numbers in checkpoints.items()
        for number in numbers[: -(KEPT_LIVE if trial in live else KEPT_ENDED)]
    ]
    return [path for _, _, path in sorted(old) if path not in needed]


def _weights(checkpoints: Mapping[str, list[int]], live: Collection[str], needed: Collection[str]) -> list[str]:
    last = [_path(trial, numbers[-1]) for trial, numbers in checkpoints.items() if trial not in live]
    return [f"{path}/{FILE}" for path in last if path not in needed]


def _path(trial: str, number: int) -> str:
    return f"{trial}/{checkpoint_name(number)}"
