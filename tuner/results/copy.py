"""An experiment on one storage, copied to another."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from tuner.engine.out_of_fold import FILE as OUT_OF_FOLD
from tuner.errors import InputError
from tuner.results.experiment import Experiment
from tuner.results.files import CHECKPOINT, LOCK, MANIFEST

AT_A_TIME = 8


def copied(source: Experiment, target: Experiment, *, checkpoints: bool) -> tuple[int, int]:
    """The target holds what the source does, and nothing that the source no longer has; the manifest comes first.

    Args:
        source: Where it was run.
        target: Where it need not exist.
        checkpoints: Whether the trials' checkpoints are copied, too.

    Returns:
        Files and bytes that were copied.

    Raises:
        InputError: there is no such experiment, or another one is at the target.
        TunerError: a file cannot be written.
    """
    source.manifest()
    manifest = source.folder.read_bytes(MANIFEST)
    if target.folder.exists(MANIFEST) and not _same_run(target, source):
        raise InputError(f"{target.folder.uri} is another experiment; choose another --output")
    sizes = source.folder.sizes()
    wanted = [path for path in sizes if _is_wanted(path, checkpoints)]
    target.folder.write(MANIFEST, manifest)

    def copy(path: str) -> None:
        try:
            content = source.folder.read_bytes(path)
        except InputError:
            if source.folder.exists(path):
                raise
            return  # it has just been removed there, as checkpoints are
        if content or not sizes[path]:
            target.folder.write(path, content)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(copy, wanted))
    for path in target.folder.sizes():
        if path not in sizes and _is_wanted(path, checkpoints=False):
            target.folder.remove(path)
    return len(wanted), sum(sizes[path] for path in wanted)


def _same_run(one: Experiment, other: Experiment) -> bool:
    keys = ("command", "seed", "fingerprint", "base")
    first, second = one.manifest(), other.manifest()
    return all(first.get(key) == second.get(key) for key in keys)


def _is_wanted(path: str, checkpoints: bool) -> bool:
    parts = PurePosixPath(path).parts
    if ".." in parts or parts[0] == LOCK:  # a store may hold any name
        return False
    is_kept = parts[-1] == OUT_OF_FOLD  # what a report is made of
    return checkpoints or is_kept or not any(part.startswith(CHECKPOINT) for part in parts)
