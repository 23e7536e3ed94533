"""Arrays from files that nobody vouches for: nothing is unpickled, and a small file never becomes a large array."""

import io
import math
import os
import warnings
import zipfile
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tuner.errors import clause

Array = npt.NDArray[Any]
MOST_BYTES, MOST_TIMES = 2**28, 100
"""Of what an archive unfolds to, the larger of the two: these bytes, or its own length so many times. Measured values
shrink by less; an array of nothing but NaN shrinks by more, but is smaller than that."""


def read_npy(file: BinaryIO) -> Array:
    """The array in a `.npy` file that is open at its beginning.

    Raises:
        ValueError: it is none, holds objects, or tells of more data than it has.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files that Python 2 wrote are read, too
            _check_length(file)
            found: Array = np.lib.format.read_array(file, allow_pickle=False)
            _check_texts(found)
            return found
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # the header is Python text, and numpy raises whatever that text leads to
        raise ValueError(clause(error)) from None


def read_npz(content: bytes) -> dict[str, Array]:
    """The arrays in a `.npz` file by their names.

    Raises:
        ValueError: it is not whole, or unfolds to far more than its own length.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise ValueError("it is compressed in a way that numpy does not write")
            unfolded = sum(member.file_size for member in members)  # no member gives more than it says here
            if unfolded > max(MOST_BYTES, MOST_TIMES * len(content)):
                raise ValueError(f"its {len(content)} bytes unfold to {unfolded}")
            return {
                member.filename.removesuffix(".npy"): read_npy(io.BytesIO(archive.read(member))) for member in members
            }
    except Exception as error:  # noqa: BLE001  # of a garbled archive, zipfile raises a dozen classes
        raise ValueError(clause(error)) from None


def _check_length(file: BinaryIO) -> None:
    """Nothing happens if the file is as long as its header says: numpy would ask for the memory first.

    Raises:
        ValueError: it is shorter.
    """
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"the format {version[0]}.{version[1]} is of arrays with named fields, or unknown")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are not read")
    begin = file.tell()
    following = file.seek(0, os.SEEK_END) - begin
    told = math.prod(shape) * dtype.itemsize
    if dtype.itemsize == 0 or any(length < 0 for length in shape) or told > following:
        raise ValueError(f"Failed to read all data: {dtype} {list(shape)} has {told} bytes, and {following} follow")
    file.seek(0)


def _check_texts(array: Array) -> None:
    """Nothing happens unless a text in the array has characters that are none: Python fails on them, each in its way.

    Raises:
        ValueError: it has.
    """
    if array.dtype.kind != "U":
        return
    codes = np.frombuffer(array.tobytes(), dtype=array.dtype.byteorder + "u4")
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise ValueError("a text in it has characters that are none")
