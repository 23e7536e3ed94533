"""The kinds of nodes in a cluster file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuner.document import nearest
from tuner.errors import ConfigError

Market = Literal["on-demand", "spot"]


@dataclass(frozen=True)
class Disk:
    """A disk that is made for a node.

    Attributes:
        device: Such as `/dev/sda1`; it is the root disk if the image's root has this name.
        gb: None is the size of the image's own.
    """

    device: str
    gb: int | None


@dataclass(frozen=True)
class NodeType:
    """One kind of node that the cluster may start.

    Attributes:
        image: An image's id, or `resolve:ssm:NAME` of the parameter that holds it; None is Ray's own, years old.
        max_workers: At a time; 1 for the head's type.
        resources: As Ray counts them: `CPU`, `GPU`.
        profile: Name of the instance profile, which gives the node its rights in the account.
        disks: As the file lists them.
    """

    name: str
    is_head: bool
    instance_type: str
    image: str | None
    market: Market
    min_workers: int
    max_workers: int
    resources: Mapping[str, int]
    labels: Mapping[str, str]
    profile: str | None
    disks: tuple[Disk, ...]


def node_types(values: Mapping[str, Any]) -> tuple[NodeType, ...]:
    """Those that a cluster file's values describe, the head's first; none where the provider knows no types.

    Raises:
        ConfigError: the head is none of them, or they need more workers than there may be.
    """
    kinds = values.get("available_node_types", {})
    if values["provider"]["type"] != "aws" or not kinds:
        return ()
    head = values["head_node_type"]
    if head not in kinds:
        raise ConfigError(("head_node_type",), f"{head!r} is not one of the node types; {nearest(head, list(kinds))}")
    most = most_workers(values)
    least = sum(kind.get("min_workers", 0) for kind in kinds.values())
    if least > most:
        raise ConfigError(("max_workers",), f"must be at least {least}, the sum of all min_workers, but is {most}")
    made = (_node_type(name, kind, name == head, most) for name, kind in kinds.items())
    return tuple(sorted(made, key=lambda kind: not kind.is_head))


def _node_type(name: str, kind: Mapping[str, Any], is_head: bool, most: int) -> NodeType:
    node = kind["node_config"]
    least = int(kind.get("min_workers", 0))
    profile = node.get("IamInstanceProfile", {})
    return NodeType(
        name=name,
        is_head=is_head,
        instance_type=node["InstanceType"],
        image=node.get("ImageId"),
        market="spot" if node.get("InstanceMarketOptions", {}).get("MarketType") == "spot" else "on-demand",
        min_workers=least,
        max_workers=1 if is_head else min(int(kind.get("max_workers", most)), most),
        resources=kind["resources"],
        labels=kind.get("labels", {}),
        profile=profile.get("Name") or profile.get("Arn", "").rpartition("/")[2] or None,
        disks=tuple(_disk(disk) for disk in node.get("BlockDeviceMappings", ())),
    )


def _disk(disk: Mapping[str, Any]) -> Disk:
    size = disk.get("Ebs", {}).get("VolumeSize")
    return Disk(disk["DeviceName"], None if size is None else int(size))


def most_workers(values: Mapping[str, Any]) -> int:
    """As Ray has it: where nothing is said, all machines that are there, or 2 of those that can be had."""
    return int(values.get("max_workers", len(values["provider"].get("worker_ips", "12"))))
