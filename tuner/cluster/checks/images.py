"""The images that nodes start from."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.cluster.account import Account
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.cluster.node_types import NodeType
from tuner.errors import clause

PARAMETER = "resolve:ssm:"
_GONE = ("ParameterNotFound", "InvalidAMIID", "ParameterVersionNotFound", "ValidationException")


def images(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """Every image exists, and fits on the disk that its nodes get."""
    for kind in cluster.node_types:
        where = cluster.at("available_node_types", kind.name, "node_config", "ImageId")
        if kind.image is None:
            yield problem(f"{where} is missing: Ray would take an Ubuntu 18.04 of years ago; name a current image")
            continue
        image, lack = find_image(kind.image, account)
        if image is None:
            yield problem(f"{where}: {lack}")
        else:
            yield from _fits(kind, image, where)


def find_image(name: str, account: Account) -> tuple[Mapping[str, Any] | None, str]:
    """What EC2 says of an image; or None, and why."""
    from botocore.exceptions import ClientError

    found, why = [], ""
    try:
        found = account.ec2.describe_images(ImageIds=[_number_of(name, account)])["Images"]
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith(_GONE):
            raise
        why = clause(error).partition(" operation: ")[2]
    if found and found[0].get("State", "available") == "available":
        return found[0], ""
    named = name.removeprefix(PARAMETER)
    kind = "parameter with an image" if name.startswith(PARAMETER) else "image"
    return None, f"{account.region} has no {kind} named {named} ({'not available' if found else why or 'not found'})"


def _number_of(name: str, account: Account) -> str:
    if not name.startswith(PARAMETER):
        return name
    return str(account.client("ssm").get_parameter(Name=name.removeprefix(PARAMETER))["Parameter"]["Value"])


def _fits(kind: NodeType, image: Mapping[str, Any], where: str) -> Iterator[Finding]:
    root = image.get("RootDeviceName")
    disk = next((disk for disk in kind.disks if disk.device == root), None)
    ebs = (one.get("Ebs", {}) for one in image.get("BlockDeviceMappings", ()) if one.get("DeviceName") == root)
    least = next((int(one["VolumeSize"]) for one in ebs if "VolumeSize" in one), 0)
    if disk is None and kind.disks:
        others = ", ".join(disk.device for disk in kind.disks)
        yield problem(f"{where}: the image's root disk is {root}, but sizes are given for {others}; name it {root}")
    elif disk is not None and disk.gb is not None and disk.gb < least:
        yield problem(f"{where}: the image needs {least} GB, but {disk.device} has {disk.gb}; set VolumeSize: {least}")
    elif disk is None or disk.gb is None:
        yield note(f"{kind.name}: the disk is as large as the image, {least} GB; PyTorch needs 8 more")
    else:
        yield ok(f"{kind.name}: image {image['ImageId']} of {least} GB on a disk of {disk.gb} GB")
