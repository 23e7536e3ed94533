"""Kills processes while they copy files. Python imports this at start-up where its folder is on PYTHONPATH.

`TUNER_FAULTS` holds a JSON list of faults: what the paths of the copy hold, and who dies: the process itself, or the
driver with it. Each happens once, with half of every file copied, and leaves a mark in the folder `TUNER_FAULTS_MARKS`.
"""

import importlib.abc
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

DRIVER = "TUNER_FAULTS_DRIVER"


class Finder(importlib.abc.MetaPathFinder):
    """Changes `pyarrow.fs.copy_files` once somebody imports it."""

    def find_spec(self, name, path, target=None):  # noqa: ANN001, ANN201
        if name != "pyarrow.fs":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):  # noqa: ANN001, ANN202
            execute(module)
            module.copy_files = breaking(module.copy_files)

        spec.loader.exec_module = exec_module
        return spec


def breaking(copy_files):  # noqa: ANN001, ANN201
    """The function, which may end in the middle."""

    def copy(source, destination, *args, **kwargs):  # noqa: ANN001, ANN002, ANN003, ANN202
        folder = Path(str(source))
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        paths = " ".join([str(source), str(destination), *(path.name for path in files)])
        for number, fault in enumerate(json.loads(os.environ["TUNER_FAULTS"])):
            if all(part in paths for part in fault["holding"]) and is_first(f"{number}-{fault['dies']}"):
                Path(destination).mkdir(parents=True, exist_ok=True)
                for path in files:
                    content = path.read_bytes()
                    Path(destination, path.name).write_bytes(content[: len(content) // 2])
                if fault["dies"] == "driver":
                    os.kill(int(os.environ[DRIVER]), signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
        return copy_files(source, destination, *args, **kwargs)

    return copy


def is_first(mark: str) -> bool:
    """Whether there was no mark yet; now there is."""
    try:
        os.close(os.open(Path(os.environ["TUNER_FAULTS_MARKS"], mark), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


if "TUNER_FAULTS" in os.environ:
    os.environ.setdefault(DRIVER, str(os.getpid()))
    sys.meta_path.insert(0, Finder())
