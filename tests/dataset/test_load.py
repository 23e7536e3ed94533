import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.dataset.load import SIMULATED, Dataset, find_dataset, load_dataset, load_images
from tuner.errors import InputError

IMAGES = np.arange(4 * 2 * 3 * 3, dtype=np.uint8).reshape(4, 2, 3, 3)
CSV = "Id,a,b\n3,1.5,\n1,,0.25\n"


def written(folder: Path, images: Any = IMAGES, csv: str | bytes = CSV) -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "stim.npy", images, allow_pickle=True)
    (folder / "train.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    return folder


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of one property share."""
    return written(tmp_path_factory.mktemp("scratch"))


def test_a_data_set_is_what_its_files_hold(tmp_path: Path) -> None:
    dataset = load_dataset(written(tmp_path))
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.responses, np.array([[1.5, np.nan], [np.nan, 0.25]], np.float32))
    assert [dataset.images.dtype, dataset.responses.dtype, dataset.labelled.dtype] == [np.uint8, np.float32, np.int64]
    assert dataset.labelled.tolist() == [3, 1]
    assert dataset.unlabelled.tolist() == [0, 2]
    assert (dataset.neurons, dataset.source) == (("a", "b"), str(tmp_path))
    assert (dataset.simulated, dataset.noise_rmse) == (False, None)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_floating_point_images_of_any_width_are_read_exactly(tmp_path: Path, dtype: Any, order: Any) -> None:
    images = np.asarray(np.arange(16 * 5 * 3 * 3).reshape(16, 5, 3, 3) / 1024, dtype=dtype, order=order)
    found = load_dataset(written(tmp_path, images)).images
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("shape", [(4, 1, 1, 3), (4, 80, 80, 3), (5, 7, 2, 3)])
def test_images_of_any_size_are_read_exactly(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(load_dataset(written(tmp_path, images)).images, images)


@pytest.mark.parametrize(
    "csv", [CSV.replace("\n", "\r\n"), CSV.replace("\n", "\r"), f"\ufeff{CSV}", CSV[:-1], f"\n{CSV}\n"]
)
def test_line_ends_and_marks_do_not_matter(tmp_path: Path, csv: str) -> None:
    assert load_dataset(written(tmp_path / "a", csv=csv)).fingerprint == load_dataset(written(tmp_path)).fingerprint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_neurons_may_have_names_in_any_script(tmp_path: Path, encoding: str) -> None:
    csv = 'Id,nöron,"V4, left"\n0,1,2\n'.encode(encoding)
    assert load_dataset(written(tmp_path, csv=csv)).neurons == ("nöron", "V4, left")


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN", "NAN"])
def test_an_empty_cell_is_a_missing_response(tmp_path: Path, cell: str) -> None:
    responses = load_dataset(written(tmp_path, csv=f"Id,a\n0,1\n1,{cell}\n")).responses
    np.testing.assert_array_equal(responses, np.array([[1], [np.nan]], np.float32))


@pytest.mark.parametrize(
    ("cell", "value"), [("1e-3", 0.001), ("0", 0), ("+2.5", 2.5), (".5", 0.5), (" 3 ", 3), ("-0", 0)]
)
def test_a_response_is_a_number_of_any_notation(tmp_path: Path, cell: str, value: float) -> None:
    assert load_dataset(written(tmp_path, csv=f"Id,a\n0,{cell}\n")).responses.item() == np.float32(value)


tables = st.integers(1, 4).flatmap(
    lambda neurons: st.lists(
        st.lists(st.none() | st.floats(0, 100, width=32), min_size=neurons, max_size=neurons), min_size=1, max_size=4
    ).filter(lambda rows: all(any(row[neuron] is not None for row in rows) for neuron in range(neurons)))
)


@settings(deadline=None)
@given(tables, st.permutations(range(4)))
def test_any_table_is_read_exactly(scratch: Path, table: list[list[float | None]], ids: list[int]) -> None:
    header = ",".join(["Id", *(f"n{number}" for number in range(len(table[0])))])
    rows = [
        ",".join([str(image), *("" if value is None else repr(value) for value in row)])
        for image, row in zip(ids, table, strict=False)
    ]
    (scratch / "train.csv").write_text("\n".join([header, *rows]))
    dataset = load_dataset(scratch)
    assert dataset.labelled.tolist() == ids[: len(table)]
    np.testing.assert_array_equal(dataset.responses, np.array(table, dtype=np.float32))
    assert sorted([*dataset.labelled, *dataset.unlabelled]) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("csv", "line", "problem"),
    [
        ("", 1, "the columns must be Id and at least one neuron, with commas between, but got ''"),
        ("Id\n0\n", 1, "the columns must be Id and at least one neuron, with commas between, but got 'Id'"),
        ("id,a\n0,1\n", 1, "the columns must be Id and at least one neuron, with commas between, but got 'id,a'"),
        ("Id;a\n0;1\n", 1, "the columns must be Id and at least one neuron, with commas between, but got 'Id;a'"),
        ("\n\na,Id\n1,0\n", 3, "the columns must be Id and at least one neuron, with commas between, but got 'a,Id'"),
        ("Id,a,a\n0,1,1\n", 1, "every column needs a name of its own, but column 3 is 'a'"),
        ("Id,Id\n0,1\n", 1, "every column needs a name of its own, but column 2 is 'Id'"),
        ("Id,a, \n0,1,1\n", 1, "every column needs a name of its own, but column 3 is ' '"),
        ('Id,"a\nb"\n0,1\n', 2, r"every column needs a name of its own, but column 2 is 'a\nb'"),
        ("Id,a\n0,1\n4,1\n", 3, "Id must be the index of an image in stim.npy, 0 to 3, but got '4'"),
        ("Id,a\n-1,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got '-1'"),
        ("Id,a\n1.0,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got '1.0'"),
        ("Id,a\n,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got ''"),
        ("Id,a\n1_0,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got '1_0'"),
        ("Id,a\n٣,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got '٣'"),
        (f"Id,a\n{'0' * 30}7,1\n", 2, f"Id must be the index of an image in stim.npy, 0 to 3, but got '{'0' * 30}7'"),
        (f"Id,a\n{' ' * 30}7,1\n", 2, "Id must be the index of an image in stim.npy, 0 to 3, but got '7'"),
        (
            f"Id,a\n{'9' * 5000},1\n",
            2,
            f"Id must be the index of an image in stim.npy, 0 to 3, but got '{'9' * 56}...",
        ),
        ("Id,a\n0,1\n2,1\n00,1\n", 4, "Id 0 stands in line 2 already"),
        ("Id,a\n0,x\n", 2, "a must be a number or empty, but got 'x'"),
        ("Id,a,b\n0,1,0x1\n", 2, "b must be a number or empty, but got '0x1'"),
        ("Id,a\n0,1_0\n", 2, "a must be a number or empty, but got '1_0'"),
        ("Id,a\n0,٣\n", 2, "a must be a number or empty, but got '٣'"),
        ('Id,a\n0,"1,5"\n', 2, "a must be a number or empty, but got '1,5'"),
        ("Id,a\n0,NA\n", 2, "a must be a number or empty, but got 'NA'"),
        ("Id,a\n0,-1\n", 2, "a must be a square root of a spike count, 0 or more, but got '-1'"),
        ("Id,a\n0,inf\n", 2, "a must be a square root of a spike count, 0 or more, but got 'inf'"),
        ("Id,a\n0,1e300\n", 2, "a must be a square root of a spike count, 0 or more, but got '1e300'"),
        ("Id,a\n0,1,2\n", 2, "expected 2 cells, but got 3"),
        ("Id,a,b\n\n0,1\n", 3, "expected 3 cells, but got 2"),
        ('Id,a\n0,"1', 2, "this is not CSV: unexpected end of data"),
        ('Id,a\n0,1\n1,"2"3\n', 3, "this is not CSV: ',' expected after '\"'"),
        ("Id,a\n0,1\n\n1,2\n2,x\n", 5, "a must be a number or empty, but got 'x'"),
    ],
)
def test_what_is_wrong_in_train_csv_is_said_with_its_line(tmp_path: Path, csv: str, line: int, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'{tmp_path}/train.csv:{line}: {problem}')}$"):
        load_dataset(written(tmp_path, csv=csv))


@pytest.mark.parametrize(
    ("csv", "problem"),
    [
        ("Id,a\n", "train.csv holds no labelled image$"),
        ("Id,a,b\n0,1,\n1,2,\n", "train.csv: b has no response to any image; remove its column$"),
        (
            "Id,é\n0,1\n".encode("latin-1"),
            r"train.csv:1: this is not UTF-8 text \(invalid continuation byte\); save the",
        ),
        (b"Id,a\n0,\xff\n", r"train.csv:2: this is not UTF-8 text \(invalid start byte\); save the file as UTF-8$"),
    ],
)
def test_a_table_without_use_is_refused(tmp_path: Path, csv: str | bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load_dataset(written(tmp_path, csv=csv))


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (np.zeros((2, 3, 3), np.uint8), "must hold images [n, H, W, 3], but got the shape [2, 3, 3]"),
        (np.zeros((2, 3, 3, 4), np.uint8), "must hold images [n, H, W, 3], but got the shape [2, 3, 3, 4]"),
        (np.zeros((2, 3, 3, 3, 1), np.uint8), "must hold images [n, H, W, 3], but got the shape [2, 3, 3, 3, 1]"),
        (np.zeros((0, 3, 3, 3), np.uint8), "must hold images [n, H, W, 3], but got the shape [0, 3, 3, 3]"),
        (np.zeros((2, 0, 3, 3), np.uint8), "must hold images [n, H, W, 3], but got the shape [2, 0, 3, 3]"),
        (np.uint8(3), "must hold images [n, H, W, 3], but got the shape []"),
        (np.zeros((2, 3, 3, 3), np.int64), "must hold uint8 in 0..255 or floating point in 0..1, but got int64"),
        (np.zeros((2, 3, 3, 3), np.bool_), "must hold uint8 in 0..255 or floating point in 0..1, but got bool"),
        (np.zeros((2, 3, 3, 3), complex), "must hold uint8 in 0..255 or floating point in 0..1, but got complex128"),
        (np.zeros((2, 3, 3, 3), "S1"), "must hold uint8 in 0..255 or floating point in 0..1, but got |S1"),
        (np.full((2, 3, 3, 3), 255.0), "must hold floating point in 0..1, but got values from 255 to 255"),
        (
            np.linspace(-0.5, 1, 54).reshape(2, 3, 3, 3),
            "must hold floating point in 0..1, but got values from -0.5 to 1",
        ),
        (np.full((2, 3, 3, 3), np.nan), "must hold floating point in 0..1, but got values from nan to nan"),
        (np.full((2, 3, 3, 3), np.inf), "must hold floating point in 0..1, but got values from inf to inf"),
    ],
)
def test_what_is_no_image_is_refused_with_what_was_found(tmp_path: Path, images: Any, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'{tmp_path}/stim.npy {problem}')}$"):
        load_dataset(written(tmp_path, images))


class Trap:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


def test_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    written(tmp_path / "data", np.array([[[[Trap(tmp_path / "sprung")] * 3]]], dtype=object))
    with pytest.raises(InputError, match=r"stim.npy is not a .npy file of images: it holds pickled objects"):
        load_dataset(tmp_path / "data")
    assert not (tmp_path / "sprung").exists()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, images=IMAGES)
    return stream.getvalue()


def saved() -> bytes:
    stream = io.BytesIO()
    np.save(stream, IMAGES)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "EOF: reading magic string"),
        (b"Id,a\n0,1\n", "the magic string is not correct"),
        (archive(), "the magic string is not correct"),
        (archive()[:30], "the magic string is not correct"),
        (b"\x80\x04N.", "EOF: reading magic string"),
        (saved()[:100], "EOF: reading array header"),
        (saved()[:-1], "Failed to read all data|cannot reshape"),
        (header("{"), "Cannot parse header|EOF in multi-line statement"),
        (header("{'descr': '<q9', 'fortran_order': False, 'shape': (1, 1, 1, 3)}"), "."),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 1, 3)}"), "."),
        (header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**50}, 9, 9, 3)}}"), "."),
        (header("(" * 9000), "."),
    ],
)
def test_a_broken_file_of_images_is_said(tmp_path: Path, raw: bytes, problem: str) -> None:
    (tmp_path / "stim.npy").write_bytes(raw)
    with pytest.raises(InputError, match=rf"^\S+stim.npy is not a .npy file of images: .*({problem}).*$"):
        load_images(tmp_path / "stim.npy")


@settings(deadline=None)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_any_damage_to_the_images_is_noticed_or_gives_images(scratch: Path, position: int, damage: bytes) -> None:
    good = saved()
    (scratch / "damaged.npy").write_bytes(good[:position] + damage + good[position + len(damage) :])
    try:
        images = load_images(scratch / "damaged.npy")
    except InputError:
        return
    assert images.ndim == 4
    assert images.dtype in (np.uint8, np.float32)


@settings(deadline=None)
@given(
    st.binary(max_size=40)
    | st.text(alphabet='Id,ab01.\n\r" -e_', max_size=40).map(lambda text: f"Id,a\n{text}".encode())
)
def test_any_table_is_one_sentence_or_within_the_images(scratch: Path, raw: bytes) -> None:
    (scratch / "train.csv").write_bytes(raw)
    try:
        dataset = load_dataset(scratch)
    except InputError as error:
        problem = str(error)
    else:
        problem = ""
        assert set(dataset.labelled) <= {0, 1, 2, 3}
        assert dataset.responses.shape == (len(set(dataset.labelled)), len(dataset.neurons))
    assert problem.isprintable()


@pytest.mark.parametrize(("present", "missing"), [("stim.npy", "train.csv"), ("train.csv", "stim.npy")])
def test_one_file_alone_is_no_data_set(tmp_path: Path, present: str, missing: str) -> None:
    (tmp_path / present).touch()
    problem = f"^{tmp_path} holds {present} but no {missing}; a data set needs both$"
    with pytest.raises(InputError, match=problem):
        find_dataset(str(tmp_path))


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_that_was_asked_for_must_hold_a_data_set(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=rf"{name} holds neither stim.npy nor train.csv; --data takes the folder of a"):
        find_dataset(str(tmp_path / name))


def test_a_folder_that_cannot_be_looked_into_is_said() -> None:
    with pytest.raises(InputError, match=r"cannot be read: File name too long$"):
        find_dataset("x" * 300)


def test_images_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing.npy cannot be read: No such file or directory$"):
        load_images(tmp_path / "missing.npy")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory$"):
        load_images(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stim.npy")
    with pytest.raises(InputError, match=r"stim.npy is no regular file, but a pipe or a device$"):
        load_images(tmp_path / "stim.npy")


def test_a_folder_with_both_files_is_loaded(tmp_path: Path) -> None:
    assert find_dataset(str(written(tmp_path))).fingerprint == load_dataset(tmp_path).fingerprint


def test_the_simulated_data_set_is_the_challenges_in_shape_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = find_dataset("data")
    assert (dataset.images.shape, dataset.responses.shape) == ((601, 80, 80, 3), (551, 18))
    assert (dataset.source, dataset.simulated) == (SIMULATED, True)
    assert dataset.unlabelled.tolist() == list(range(50))
    assert dataset.noise_rmse is not None
    assert 0 < dataset.noise_rmse < 1


def test_a_half_data_set_in_the_default_folder_is_not_replaced_by_a_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(CSV)
    with pytest.raises(InputError, match=r"^data holds train.csv but no stim.npy; a data set needs both$"):
        find_dataset("data")


def test_a_fingerprint_tells_apart_whatever_a_model_could_learn_from(tmp_path: Path) -> None:
    first = Dataset(IMAGES, np.ones((2, 2), np.float32), np.array([3, 1]), ("a", "b"), "x")
    others = [
        Dataset(IMAGES + np.uint8(1), first.responses, first.labelled, first.neurons, "x"),
        Dataset(IMAGES.reshape(4, 3, 2, 3), first.responses, first.labelled, first.neurons, "x"),
        Dataset(IMAGES, first.responses * np.float32(2), first.labelled, first.neurons, "x"),
        Dataset(IMAGES, first.responses, np.array([1, 3]), first.neurons, "x"),
        Dataset(IMAGES, first.responses, first.labelled, ("b", "a"), "x"),
        Dataset(IMAGES, first.responses, first.labelled, ("a', 'b",), "x"),
    ]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 7
    moved = Dataset(np.asfortranarray(IMAGES), first.responses, first.labelled, first.neurons, str(tmp_path), 0.3)
    assert moved.fingerprint == first.fingerprint


def test_a_data_set_on_another_storage_is_the_same(tmp_path: Path) -> None:
    here = load_dataset(written(tmp_path))
    there = find_dataset(tmp_path.as_uri())
    assert there.fingerprint == here.fingerprint
    assert (there.source, there.states) == (tmp_path.as_uri(), ())


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("Id,a,b\n3,1.5\n", "{uri}/train.csv:2: expected 3 cells, but got 2"),
        (None, "{uri} holds stim.npy but no train.csv; a data set needs both"),
    ],
)
def test_what_is_wrong_on_another_storage_is_said_of_it(tmp_path: Path, lines: str | None, problem: str) -> None:
    written(tmp_path)
    (tmp_path / "train.csv").unlink()
    if lines is not None:
        (tmp_path / "train.csv").write_text(lines)
    with pytest.raises(InputError, match=f"^{re.escape(problem.format(uri=tmp_path.as_uri()))}$"):
        find_dataset(tmp_path.as_uri())


def test_a_storage_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^gopher://x is not a storage that pyarrow knows"):
        find_dataset("gopher://x")
