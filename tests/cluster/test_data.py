from pathlib import Path

import numpy as np
import pytest

from tuner.cluster.data import sent
from tuner.dataset.load import Dataset, find_dataset, simulated_dataset
from tuner.folder import Folder


@pytest.fixture
def recorded(tmp_path: Path) -> Dataset:
    """A data set of two small files."""
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "stim.npy", np.zeros((4, 2, 2, 3), np.uint8))
    (folder / "train.csv").write_text("Id,a\n0,1\n1,2\n")
    return find_dataset(str(folder))


def test_data_are_sent_once_and_are_the_same_there(tmp_path: Path, recorded: Dataset) -> None:
    storage = Folder.at((tmp_path / "storage").as_uri())
    uri, size = sent(recorded, storage)
    assert uri == f"{storage.uri}/data/{recorded.fingerprint}"
    assert size == sum(path.stat().st_size for path in Path(recorded.source).iterdir())
    assert find_dataset(uri).fingerprint == recorded.fingerprint
    assert sent(recorded, storage) == (uri, 0)


def test_a_file_that_was_cut_short_is_sent_again(tmp_path: Path, recorded: Dataset) -> None:
    storage = Folder.at(str(tmp_path / "storage"))
    place = storage / "data" / recorded.fingerprint
    place.write("stim.npy", b"half")
    sent(recorded, storage)
    assert find_dataset(place.uri).fingerprint == recorded.fingerprint


def test_simulated_data_are_made_there_and_data_of_a_storage_stay(tmp_path: Path, recorded: Dataset) -> None:
    storage = Folder.at(str(tmp_path / "storage"))
    assert sent(simulated_dataset(), storage) == ("simulated", 0)
    uri = Path(recorded.source).as_uri()
    assert sent(find_dataset(uri), storage) == (uri, 0)
    assert not storage.exists()
