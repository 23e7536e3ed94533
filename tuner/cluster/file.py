"""A cluster file for `ray up`: read, checked, and said in a few plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.cluster.node_types import Market, NodeType, most_workers, node_types
from tuner.cluster.schema import OF_PROVIDER, OURS, check, rays_schema
from tuner.cluster.written import read_written
from tuner.document import Document
from tuner.errors import ConfigError, InputError, dotted


@dataclass(frozen=True)
class Mount:
    """A file or folder that Ray copies to every node."""

    remote: str
    local: Path


@dataclass(frozen=True)
class ClusterFile:
    """What a cluster is made of.

    Attributes:
        region: None if the provider has none.
        zones: In the order in which they are tried; none are all of the region.
        storage: Where data and results lie, a URI or a path that all nodes share.
        requirements: The packages that every node installs, with their versions.
        prices: The user's own, in dollars an hour, by instance type and market.
        max_workers: Of all types together, at a time.
        node_types: The head's first; none where the provider knows no types.
        security_group: The firewall's name; None lets Ray make one that is open to ssh from everywhere.
        head_ip: Of a provider whose machines are there already.
        worker_ips: The same.
        document: The file's values as they stand there, and their lines.
    """

    path: Path
    name: str
    provider: str
    region: str | None
    zones: tuple[str, ...]
    storage: str
    requirements: Path | None
    prices: Mapping[str, Mapping[Market, float]]
    max_workers: int
    node_types: tuple[NodeType, ...]
    file_mounts: tuple[Mount, ...]
    security_group: str | None
    head_ip: str | None
    worker_ips: tuple[str, ...]
    document: Document

    @property
    def head(self) -> NodeType | None:
        """The head's type."""
        return next((kind for kind in self.node_types if kind.is_head), None)

    @property
    def workers(self) -> tuple[NodeType, ...]:
        """The other types."""
        return tuple(kind for kind in self.node_types if not kind.is_head)

    def at(self, *path: str | int) -> str:
        """`file:line: a.b.c`, the start of a sentence about one of the file's settings."""
        return f"{self.document.at(path)}: {dotted(path)}"


def read_cluster(path: str | Path) -> ClusterFile:
    """The cluster that a file describes.

    Paths in it are relative to the working folder, as `ray up` takes them.

    Raises:
        InputError: with file, line, key, what was found, what is allowed, and the nearest known key.
    """
    document = read_written(Path(path))
    try:
        check(document.values, rays_schema())
        check(document.values, OURS)
        check(document.values, OF_PROVIDER.get(document.values["provider"]["type"], {}))
        return _cluster(Path(path), document)
    except ConfigError as error:
        raise InputError(f"{document.at(error.path)}: {error}") from None


def _cluster(path: Path, document: Document) -> ClusterFile:
    values = document.values
    provider, metadata = values["provider"], values["metadata"]
    requirements = metadata.get("requirements")
    return ClusterFile(
        path=path,
        name=values["cluster_name"],
        provider=provider["type"],
        region=provider.get("region"),
        zones=tuple(zone.strip() for zone in provider.get("availability_zone", "").split(",") if zone.strip()),
        storage=metadata["storage"],
        requirements=_here(requirements) if requirements else None,
        prices=metadata.get("prices", {}),
        max_workers=most_workers(values),
        node_types=node_types(values),
        file_mounts=tuple(Mount(name, _here(local)) for name, local in values.get("file_mounts", {}).items()),
        security_group=provider.get("security_group", {}).get("GroupName"),
        head_ip=provider.get("head_ip"),
        worker_ips=tuple(provider.get("worker_ips", ())),
        document=document,
    )


def _here(path: str) -> Path:
    """As Ray has it: `~` is one's home, and that of nobody is a folder of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
