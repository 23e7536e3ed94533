"""Hostile `.npy` and `.npz` files."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.hostile.damage import Spy, sometimes_damaged

Array = npt.NDArray[Any]

TYPES = (
    *("'|u1'", "'<f4'", "'<f8'", "'>f4'", "'<f2'", "'<i8'", "'<u8'", "'|b1'", "'<c16'", "'<U3'", "'|S0'", "'<M8[s]'"),
    *("'|O'", "'O'", "'<q9'", "'<f16'", "'|V8'", "'|V0'", "'<U999999999'", "[('a', '|O')]", "[('a', '<f4', (3,))]"),
    *(
        "[('a', '<f4'), ('a', '<f4')]",
        "('|u1', (2, 2))",
        "('<f4', (99999, 99999))",
        "[]",
        "''",
        "None",
        "7",
        "__import__",
    ),
)
SHAPES = (
    *("()", "(1,)", "(0,)", "(-1,)", "(4, 3, 3, 3)", "(4, 3, 3, 0)", "(-4, -3, 3, 3)", "(4, 3, -1, 3)", "(1, 1, 1, 3)"),
    *("(1000000000000, 1, 1, 3)", "(1000000000, 3, 3, 3)", "(2, 2, 5, 2)", "(1000000000, 2, 5, 2)", "(True, 3, 3, 3)"),
    *("(9223372036854775807, 3, 3, 3)", "(4294967296, 4294967296, 1, 3)", f"({'9' * 400}, 1)", "(4.0, 3, 3, 3)"),
    *(
        "(1,) * 70",
        f"({'1, ' * 70})",
        "[4, 3, 3, 3]",
        "4",
        "(4, 3, 3, 3L)",
        "('4', 3, 3, 3)",
        "None",
        "()()",
        "(" * 2000,
    ),
)
NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, -(2**63))
FLOATS = (0.0, -1.0, 1.5, np.nan, np.inf, -np.inf, 1e30)


def hostile_npy(array: Array, rng: Random) -> bytes:
    """A `.npy` file: the array, another one, or a header that tells of one."""
    kind = rng.randrange(6)
    if kind == 0:
        return sometimes_damaged(_told(array, rng), rng)
    if kind == 1:
        return sometimes_damaged(_saved(_other(array, rng), rng), rng)
    if kind == 2:
        spies = np.empty(rng.choice(((), (1,), array.shape)), dtype=object)
        spies.fill(Spy())
        raw = rng.choice((_pickled(spies), pickle.dumps(Spy()), pickle.dumps(array)))
        return sometimes_damaged(raw, rng)
    return sometimes_damaged(_saved(array, rng), rng)


def hostile_npz(arrays: Mapping[str, Array], rng: Random) -> bytes:
    """A `.npz` file: the arrays, of which some are missing, odd, twice or under another name."""
    if rng.random() < 0.01:
        return bomb(rng.choice(list(arrays)))
    file = io.BytesIO()
    squeezed = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    odd = rng.choice((*arrays, None))
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            if name != odd:
                archive.writestr(_entry(f"{name}.npy", squeezed), _saved(array, rng))
                continue
            kind = rng.randrange(8)
            if kind < 4:
                archive.writestr(_entry(f"{name}.npy", squeezed), hostile_npy(array, rng))
            elif kind == 4:
                archive.writestr(_entry(name, squeezed), rng.choice((b"", b"x", _saved(array, rng))))
            elif kind == 5:
                named = rng.choice(("../x.npy", "/x.npy", "x" * 300 + ".npy", "\0.npy", f"{name}.NPY", ""))
                archive.writestr(_entry(named, squeezed), _saved(array, rng))
            elif kind == 6:
                archive.writestr(_entry(f"{name}.npy", squeezed), pickle.dumps(Spy()))
    return sometimes_damaged(file.getvalue(), rng)


def whole_npz(arrays: Mapping[str, Array]) -> bytes:
    """A `.npz` file as it should be."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes a name for an option
    return file.getvalue()


@cache
def bomb(name: str) -> bytes:
    """A file of 400 KB whose array has 400 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        raw = _header(1, "'<f4'", "False", "(100000, 10, 10, 10)") + bytes(400_000_000)
        archive.writestr(_entry(f"{name}.npy", zipfile.ZIP_DEFLATED), raw)
    return file.getvalue()


def _entry(name: str, squeezed: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """Always of the same time, so that a state of the generator makes one file."""
    found = zipfile.ZipInfo(name)
    found.compress_type = squeezed
    return found


def _saved(array: Array, rng: Random) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asfortranarray(array) if rng.random() < 0.1 else array, allow_pickle=False)
    return file.getvalue()


def _pickled(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _other(array: Array, rng: Random) -> Array:
    """An array of another type or shape, or with odd numbers in it."""
    kind = rng.randrange(5)
    if kind == 0:
        return np.zeros(
            array.shape, rng.choice(("u1", "f2", "f4", ">f4", "f8", "i4", "i8", "?", "c8", "U1", "S1", "M8[s]"))
        )
    if kind == 1:
        return np.zeros(
            rng.choice(((), (0,), (1,), array.shape[1:], (*array.shape, 1), (1, *array.shape))), array.dtype
        )
    if kind == 2:
        return np.zeros(array.shape, [("a", "f4"), ("b", "U2")])
    if array.dtype.kind not in "iuf" or array.size == 0:
        return array[:0] if array.ndim else array
    changed = np.array(array)
    with np.errstate(all="ignore"):
        values = FLOATS if array.dtype.kind == "f" else NUMBERS
        changed.flat[rng.randrange(changed.size)] = np.array(rng.choice(values)).astype(array.dtype)
    return changed


def _told(array: Array, rng: Random) -> bytes:
    """A header that was written by hand before data of some length."""
    shape = rng.choice((*SHAPES, str(array.shape)))
    order = rng.choice(("False", "False", "True", "None", "[]"))
    version = rng.choice((1, 1, 1, 2, 3, 4, 255))
    text = _header(version, rng.choice((*TYPES, repr(array.dtype.str))), order, shape)
    return text + rng.choice((b"", array.tobytes(), bytes(1000)))


def _header(version: int, descr: str, order: str, shape: str) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text
