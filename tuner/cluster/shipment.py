"""What a job takes with it: this checkout's code, and the files that its command names."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tuner

CODE = ("*.py", "*.jinja", "cluster/prices.yaml", "py.typed")


@dataclass(frozen=True)
class Shipment:
    """A folder for a job.

    Attributes:
        folder: On this machine.
        config: The base config's name in it.
        mutations: The mutations file's.
    """

    folder: Path
    config: str
    mutations: str


def packed(folder: Path, config: str, mutations: str, functions: Iterable[str]) -> Shipment:
    """The folder holds all that the job needs but the data.

    Args:
        folder: Empty.
        config: The base config's path.
        mutations: The mutations file's.
        functions: Import paths of the user's own mutation functions; all modules of the working folder go with them.
    """
    code = Path(tuner.__file__).parent
    for path in (found for pattern in CODE for found in code.rglob(pattern)):
        _copied(path, folder / "tuner" / path.relative_to(code))
    for path in _modules(functions):
        _copied(path, folder / path)
    return Shipment(folder, _taken(folder, config), _taken(folder, mutations))


def _modules(functions: Iterable[str]) -> set[Path]:
    """Files of the working folder that the functions may import, by their paths there."""
    packages = {name.partition(".")[0] for name in functions}
    found = {path for package in packages for path in Path(package).rglob("*.py")}
    return found | (set(Path().glob("*.py")) if packages else set())


def _taken(folder: Path, file: str) -> str:
    """Where in the folder the file is: at its path in the working folder, or, if it lies elsewhere, by its name."""
    path = Path(file).resolve()
    inside = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else Path(path.name)
    if not (folder / inside).exists():
        _copied(path, folder / inside)
        return str(inside)
    if (folder / inside).read_bytes() == path.read_bytes():
        return str(inside)
    _copied(path, folder / "elsewhere" / path.name)
    return f"elsewhere/{path.name}"


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
