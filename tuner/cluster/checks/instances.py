"""The machines that are asked for: that AWS has them, where they are asked for, with what they are said to have."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.cluster.account import Account
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.cluster.node_types import NodeType
from tuner.document import nearest


def zones(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """The zones exist in the region, and may be used."""
    found = account.ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
    usable = [zone["ZoneName"] for zone in found if zone["State"] == "available"]
    where = cluster.at("provider", "availability_zone")
    wrong = [zone for zone in cluster.zones if zone not in usable]
    for zone in wrong:
        yield problem(f"{where}: {zone} is not a zone of {account.region} that may be used; {nearest(zone, usable)}")
    if not wrong:
        yield ok(f"zones: {', '.join(cluster.zones) or f'all of {account.region}'}")


def instance_types(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """Every instance type is offered in at least one of the zones."""
    offered = offers(cluster, account)
    for kind in cluster.node_types:
        where = cluster.at("available_node_types", kind.name, "node_config", "InstanceType")
        zones = offered.get(kind.instance_type, set())
        wanted = set(cluster.zones) or zones
        if not zones:
            cure = nearest(kind.instance_type, _family(kind.instance_type, account)) + "; or take another region"
            yield problem(f"{where}: {kind.instance_type} is not to be had in {account.region}; {cure}")
        elif not zones & wanted:
            has = ", ".join(sorted(zones))
            yield problem(f"{where}: {kind.instance_type} is in none of the zones; {account.region} has it in {has}")
        elif wanted - zones:
            yield note(f"{where}: {kind.instance_type} is not in {', '.join(sorted(wanted - zones))}")
        else:
            yield ok(f"{kind.name}: {kind.instance_type}, in {len(zones & wanted)} zones")


def offers(cluster: ClusterFile, account: Account) -> dict[str, set[str]]:
    """The zones of the region that have each of the file's instance types; those that none has are left out."""
    names = sorted({kind.instance_type for kind in cluster.node_types})
    pages = account.ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": names}]
    )
    found: dict[str, set[str]] = {}
    for page in pages:
        for offer in page["InstanceTypeOfferings"]:
            found.setdefault(offer["InstanceType"], set()).add(offer["Location"])
    return found


def _family(name: str, account: Account) -> list[str]:
    """Types that the region has and whose name begins alike."""
    pages = account.ec2.get_paginator("describe_instance_type_offerings").paginate(LocationType="region")
    names = {offer["InstanceType"] for page in pages for offer in page["InstanceTypeOfferings"]}
    return sorted(one for one in names if one[:2] == name[:2])


def resources(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """No node is said to have more than it has, and no GPU is paid for and left unused."""
    known = hardware(cluster, account)
    for kind in cluster.node_types:
        if kind.instance_type in known:
            yield from _resources_of(kind, known[kind.instance_type], cluster)


def _resources_of(kind: NodeType, real: Mapping[str, int], cluster: ClusterFile) -> Iterator[Finding]:
    where = cluster.at("available_node_types", kind.name, "resources")
    said = {name: int(kind.resources.get(name, real[name])) for name in ("CPU", "GPU")}
    wrong = [name for name in said if said[name] > real[name]]
    for name in wrong:
        yield problem(f"{where}.{name} is {said[name]}, but {kind.instance_type} has {real[name]}; write {real[name]}")
    if said["GPU"] < real["GPU"]:
        idle = real["GPU"] - said["GPU"]
        yield note(
            f"{where}.GPU is {said['GPU']}, but {kind.instance_type} has {real['GPU']}: {idle} would stay unused"
        )
    elif not wrong:
        yield ok(f"{kind.name}: {said['CPU']} CPU, {said['GPU']} GPU")


def hardware(cluster: ClusterFile, account: Account) -> dict[str, dict[str, int]]:
    """`CPU` and `GPU` of each of the file's instance types that the region has."""
    names = sorted(offers(cluster, account))
    found = account.ec2.describe_instance_types(InstanceTypes=names)["InstanceTypes"] if names else []
    return {one["InstanceType"]: {"CPU": one["VCpuInfo"]["DefaultVCpus"], "GPU": _gpus(one)} for one in found}


def _gpus(described: Mapping[str, Any]) -> int:
    return sum(int(gpu["Count"]) for gpu in described.get("GpuInfo", {}).get("Gpus", ()))
