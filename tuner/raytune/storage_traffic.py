"""What Ray's driver sends to the storage and deletes there, so that no trial waits for it.

An answer of an object store takes tens of milliseconds, and Ray asks it for one thing after the other: for all files of
all trials whenever it copies them, changed or not, and for each old checkpoint while no result is looked at.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pyarrow.fs import FileSystem, FileType

AT_A_TIME = 16
"""Requests to the storage. Threads of Python are safe where those of pyarrow's `copy_files` are not: the pool that it
runs them in is the one that they wait for (https://github.com/apache/arrow/issues/32372)."""

State = tuple[int, int]
log = logging.getLogger(__name__)


class Uploads:
    """Copies a folder again and again, each time the files that are others than they were."""

    def __init__(self) -> None:
        self._known: dict[str, State] = {}

    def upload(self, local_path: str, fs: FileSystem, fs_path: str) -> None:
        """Each file of the local folder is in the storage, as it was at some moment of this call.

        Raises:
            OSError: the storage does not take one; it is tried again in the next call.
        """
        source = Path(local_path)
        states = {path.relative_to(source).as_posix(): state for path, state in _states(source)}
        changed = [name for name, state in states.items() if self._known.get(name) != state]
        for parent in {f"{fs_path}/{name}".rpartition("/")[0] for name in changed} if fs.type_name == "local" else ():
            fs.create_dir(parent, recursive=True)

        def copy(name: str) -> None:
            try:
                content = (source / name).read_bytes()
            except FileNotFoundError:  # Ray renames some of its own
                return
            with fs.open_output_stream(f"{fs_path}/{name}") as stream:
                stream.write(content)
            self._known[name] = states[name]

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(copy, changed))


class Deletions:
    """Deletes folders in the storage while something else goes on; on this machine at once, which takes no time.

    Args:
        at_once: Whether elsewhere, too: what is left there is counted.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once, self._pool = at_once, ThreadPoolExecutor(AT_A_TIME)
        self._left = set[Future[None]]()

    def delete(self, fs: FileSystem, fs_path: str) -> None:
        """The folder will soon not be there."""
        if self._at_once or fs.type_name == "local":
            _delete(fs, fs_path)
            return
        left = self._pool.submit(_delete, fs, fs_path)
        self._left.add(left)
        left.add_done_callback(self._left.discard)

    def settle(self) -> None:
        """What was to be deleted is not there; what cannot be is in the log."""
        for left in tuple(self._left):
            left.result()


def _states(folder: Path) -> Iterator[tuple[Path, State]]:
    """The files in a folder and those in it, each with what changes whenever it is written."""
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            yield path, (found.st_mtime_ns, found.st_size)


def _delete(fs: FileSystem, fs_path: str) -> None:
    try:
        if fs.get_file_info(fs_path).type == FileType.Directory:
            fs.delete_dir(fs_path)
    except OSError:
        log.exception("%s cannot be deleted", fs_path)
