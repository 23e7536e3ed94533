import io
import zipfile

import numpy as np
import pytest

from tuner.npy import MOST_BYTES, read_npy, read_npz

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def saved(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def header(text: str, version: int = 1) -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + text.encode()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("array", [ARRAY, np.asfortranarray(ARRAY), ARRAY[:0], np.array(3.5), np.array(["a", "bc"])])
def test_an_array_is_read_as_numpy_wrote_it(array: np.ndarray, version: tuple[int, int]) -> None:
    found = read_npy(io.BytesIO(saved(array, version)))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_file_of_python_2_is_read_without_a_word() -> None:
    raw = header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L, 4L)}") + ARRAY.tobytes()
    np.testing.assert_array_equal(read_npy(io.BytesIO(raw)), ARRAY)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (
            header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 9)}"),
            r"has 9000000000000 bytes, and 0 f",
        ),
        (header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({'9' * 400},)}}"), r"Failed to read all data: "),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -1)}") + b"x", r"Failed to read all data: "),
        (header("{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}"), r"Failed to read all data: "),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"x", "it holds pickled objects"),
        (header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}"), "it holds pickled objects"),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': ()}", 3), "the format 3.0 is of arrays with named"),
        (header("(" * 5000), "."),
        (b"", "EOF: reading magic string"),
    ],
)
def test_a_header_that_tells_of_what_is_not_there_is_refused_unread(raw: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        read_npy(io.BytesIO(raw))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", [0xD800, 0x110000, 2**32 - 1])
def test_texts_of_characters_that_are_none_are_refused(order: str, code: int) -> None:
    codes = np.array([97, code], dtype=f"{order}u4")
    raw = header(f"{{'descr': '{order}U2', 'fortran_order': False, 'shape': (1,)}}") + codes.tobytes()
    with pytest.raises(ValueError, match="a text in it has characters that are none"):
        read_npy(io.BytesIO(raw))


def archive(raw: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as found:
        found.writestr("a.npy", raw)
        found.writestr("notes.txt", "no array")
    return file.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_gives_its_arrays_and_nothing_else(compression: int) -> None:
    found = read_npz(archive(saved(ARRAY), compression))
    assert list(found) == ["a"]
    np.testing.assert_array_equal(found["a"], ARRAY)


def test_an_archive_of_nothing_but_nan_is_no_bomb() -> None:
    found = read_npz(archive(saved(np.full(10**6, np.nan, np.float32))))
    assert np.isnan(found["a"]).all()


def test_an_archive_that_unfolds_to_far_more_than_itself_is_refused() -> None:
    with pytest.raises(ValueError, match=rf"its \d+ bytes unfold to {MOST_BYTES + 1}"):
        read_npz(archive(bytes(MOST_BYTES + 1)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "File is not a zip file"),
        (archive(saved(ARRAY), zipfile.ZIP_LZMA), "compressed in a way that numpy does not write"),
        (archive(saved(ARRAY)).replace(b"\x50\x4b\x03\x04", b"\x50\x4b\x03\x05"), "Bad magic number"),
        (archive(b"x"), "EOF: reading magic string"),
    ],
)
def test_what_is_no_archive_of_arrays_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_npz(content)
