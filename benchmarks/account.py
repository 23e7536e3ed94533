"""What every benchmark tells beside its figures, and how it shows and keeps them."""

import json
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tuner.engine.process import available_cpus

PACKAGES = ("torch", "torchvision", "ray", "numpy")


def circumstances(script: str) -> dict[str, str]:
    """The command, the machine and the versions; packages that are not installed are left out."""
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    return {
        "command": shlex.join(["python", "-m", f"benchmarks.{script}", *sys.argv[1:]]),
        "cpu": f"{_cpu()}, {available_cpus()} cores",
        "system": platform.platform(),
        "python": platform.python_version(),
        **versions,
    }


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return (
        "\n".join("| " + " | ".join(cells) + " |" for cells in lines).replace("| --- ", "|---").replace("--- |", "---|")
    )


def save(path: Path | None, content: dict[str, Any]) -> None:
    """The file holds the content as JSON, unless there is none to write."""
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
