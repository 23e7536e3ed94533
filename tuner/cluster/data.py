"""Data on their way to a storage: each data set once."""

from pathlib import Path

from tuner.dataset.load import FILES, SIMULATED, Dataset
from tuner.folder import Folder


def sent(dataset: Dataset, storage: Folder) -> tuple[str, int]:
    """The storage holds the data set, in a folder of its fingerprint.

    Returns:
        Its URI, or `simulated`, and the bytes that were sent; 0 if it was there.
    """
    if dataset.simulated or "://" in dataset.source:
        return (SIMULATED if dataset.simulated else dataset.source), 0
    place = storage / "data" / dataset.fingerprint
    there, size = place.sizes(), 0
    for path in (Path(dataset.source, name) for name in FILES):
        if there.get(path.name) != path.stat().st_size:
            place.write(path.name, path.read_bytes())
            size += path.stat().st_size
    return place.uri, size
