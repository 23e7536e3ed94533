"""The rows that a trial's own checkpoints carry, as its actor finds them."""

import posixpath
from typing import Any

from pyarrow.fs import FileSelector

from tuner.results.files import CHECKPOINT
from tuner.results.history import CARRIED


def rows_carried(storage: Any) -> str:
    """Of the newest checkpoint in the trial's folder that has any; empty without one.

    Args:
        storage: Ray's, of a trial.
    """
    filesystem, folder = storage.storage_filesystem, storage.trial_fs_path
    found = filesystem.get_file_info(FileSelector(folder, allow_not_found=True))
    names = sorted(info.base_name for info in found if info.base_name.startswith(CHECKPOINT))
    for name in reversed(names):
        try:
            with filesystem.open_input_stream(posixpath.join(folder, name, CARRIED)) as stream:
                text: str = stream.readall().decode(errors="replace")
        except OSError:
            continue
        return text
    return ""
