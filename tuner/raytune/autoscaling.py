"""What Ray's autoscaler may add to the cluster: the file that `ray up` has left on the head, where runs go on."""

import fcntl
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tuner.raytune.internals import logs_folder

FILE = Path("~/ray_bootstrap_config.yaml")
"""Where `ray up` puts it; the autoscaler reads it again every few seconds."""
USUAL, FELL_BACK = "usual_max_workers", "fell_back_at"
"""Ours, in its metadata: limits before they were changed; and since when others take the place of spot nodes."""
REFUSED = re.compile(
    r"An error occurred \((\w+)\) when calling the RunInstances operation(?: \(.*?\))?: (.*), retrying"
)
LOOKED_AT = 100_000


@dataclass(frozen=True)
class WorkerType:
    """A kind of node.

    Attributes:
        name: In the cluster file.
        resources: As Ray counts them.
        spot: Whether it may be taken away.
        max_workers: At a time, now.
        usual: The same, as the cluster file has it.
    """

    name: str
    resources: dict[str, float]
    spot: bool
    max_workers: int
    usual: int


def worker_types() -> tuple[WorkerType, ...]:
    """All kinds of nodes but the head's; none where there is no such file."""
    told = read_file()
    kinds: dict[str, Any] = told.get("available_node_types", {})
    most, usual = told.get("max_workers", 0), told.get("metadata", {}).get(USUAL, {})
    return tuple(
        WorkerType(
            name,
            kind.get("resources", {}),
            kind.get("node_config", {}).get("InstanceMarketOptions", {}).get("MarketType") == "spot",
            kind.get("max_workers", most),
            usual.get(name, kind.get("max_workers", most)),
        )
        for name, kind in kinds.items()
        if name != told.get("head_node_type")
    )


def most_workers() -> int:
    """Of all kinds together, at a time."""
    return int(read_file().get("max_workers", 0))


def fell_back_at() -> float | None:
    """Since when nodes are asked for that take the place of spot ones, in seconds since 1970; None if they are not."""
    found = read_file().get("metadata", {}).get(FELL_BACK)
    return None if found is None else float(found)


def limit(limits: Mapping[str, int], *, fell_back_at: float | None) -> None:
    """From now on there are at most so many nodes of these kinds; what was usual before stays known.

    Args:
        limits: By the name of the kind.
        fell_back_at: As the function of this name says from now on.
    """
    path = FILE.expanduser()
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may do the same
        told = read_file()
        own = told.setdefault("metadata", {})
        kinds, usual = told["available_node_types"], own.setdefault(USUAL, {})
        for name, most in limits.items():
            usual.setdefault(name, kinds[name].get("max_workers", told.get("max_workers", 0)))
            kinds[name]["max_workers"] = most
        own[FELL_BACK] = fell_back_at
        new = path.with_name(f"{path.name}.new")
        new.write_text(yaml.safe_dump(told))
        new.chmod(path.stat().st_mode)
        new.replace(path)


def last_refusal() -> str:
    """What the cloud said when the autoscaler asked for a node and got none, by its log: Ray keeps it to itself."""
    log = logs_folder() / "monitor.out"
    found = REFUSED.findall(log.read_text(errors="replace")[-LOOKED_AT:]) if log.is_file() else ()
    return ": ".join(found[-1]) if found else "Ray does not tell why"


def read_file() -> dict[str, Any]:
    """The autoscaler's file; empty if there is none."""
    path = FILE.expanduser()
    found = yaml.safe_load(path.read_text()) if path.is_file() else None
    return found if isinstance(found, dict) else {}
