"""Bytes and files that went wrong on their way, whatever their format."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

SPRUNG = "sprung"
"""What a spy leaves behind in the current folder, if it is run."""


class Spy:
    """Whoever unpickles it leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        """What pickle calls."""
        return open, (SPRUNG, "w")


def damaged(raw: bytes, rng: Random) -> bytes:
    """The same bytes cut short, with bits flipped, with parts lost, twice, overwritten or replaced, up to 3 times."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(0, len(raw))
        end = min(len(raw), start + rng.choice((1, 1, 2, 4, 8, 40, 400)))
        part = raw[start:end]
        kind = rng.randrange(7)
        if kind == 0:
            raw = raw[:start]
        elif kind == 1 and part:
            raw = raw[:start] + bytes((part[0] ^ (1 << rng.randrange(8)),)) + raw[start + 1 :]
        elif kind == 2:
            raw = raw[:start] + raw[end:]
        elif kind == 3:
            raw = raw[:end] + part + raw[end:]
        elif kind == 4:
            other = rng.randint(0, len(raw))
            raw = raw[:start] + raw[other : other + len(part)] + raw[end:]
        elif kind == 5:
            raw = raw[:start] + rng.choice((b"\0", b"\xff\xff\xff\xff", b"\xff" * 8, b"\x7f" * 4, b"\n")) + raw[end:]
        else:
            raw = raw[:start] + rng.randbytes(end - start) + raw[end:]
    return raw


def sometimes_damaged(raw: bytes, rng: Random) -> bytes:
    """Damaged, in a third of all cases; it has been changed before, with more sense."""
    return damaged(raw, rng) if rng.random() < 1 / 3 else raw


def put(path: Path, raw: bytes, rng: Random) -> None:
    """The file at `path` holds the bytes, or rarely something is there that is no file, or nothing at all."""
    if rng.random() > 0.03:
        path.write_bytes(raw)
        return
    kind = rng.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind < 5:
        path.symlink_to((path.name, "/dev/zero", "missing")[kind - 2])
