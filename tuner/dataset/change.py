"""Whether a data set's files still hold what was read from them."""

from pathlib import Path

from tuner.dataset.load import Dataset, file_states, load_dataset
from tuner.errors import InputError


def changes(dataset: Dataset) -> list[str]:
    """A line on what has become of the files since they were read; none if they hold the same, or were never there.

    They are read again only if their sizes or times differ. A disk that is gone is no error: all was read by then.
    """
    if not dataset.states or dataset.states == file_states(Path(dataset.source)):
        return []
    try:
        found = load_dataset(Path(dataset.source)).fingerprint
    except InputError as error:
        problem = f"the data are no longer there as they were read ({error})"
    else:
        if found == dataset.fingerprint:
            return []
        problem = f"the data in {dataset.source} have changed since they were read (their fingerprint is {found} now)"
    return [f"{problem}: all results are of what was read, whose fingerprint {dataset.fingerprint} is in manifest.yaml"]
