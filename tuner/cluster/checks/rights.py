"""What cluster/aws.yaml makes in an account: the nodes' roles and their firewall."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.cluster.account import Account
from tuner.cluster.checks.stack import deploy
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem

EVERYWHERE = ("0.0.0.0/0", "::/0")


def profiles(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """Every instance profile exists and holds a role."""
    from botocore.exceptions import ClientError

    iam = account.client("iam")
    for name in dict.fromkeys(kind.profile for kind in cluster.node_types if kind.profile):
        try:
            found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchEntity", "ValidationError"):
                raise
            yield problem(f"the account has no instance profile {name}; make it by: {deploy(cluster, account)}")
            continue
        if found["Roles"]:
            yield ok(f"instance profile {name}")
        else:
            yield problem(f"the instance profile {name} holds no role; mend it by: {deploy(cluster, account)}")
    if cluster.head is not None and cluster.head.profile is None:
        yield note("the head has no instance profile: Ray would make one that may do anything with EC2 and S3")


def firewall(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """Nodes reach each other, ssh reaches them, and nothing else does."""
    networks = list(dict.fromkeys(subnet["VpcId"] for subnet in usable_subnets(cluster, account)))
    if not networks:
        zones = ", ".join(cluster.zones) or account.region
        yield problem(f"no subnet in {zones} gives public addresses; make the default ones: aws ec2 create-default-vpc")
        return
    if cluster.security_group is None:
        yield note("no provider.security_group: Ray would make one whose ssh is open to everyone")
        return
    group = _group(cluster.security_group, networks[0], account)
    if group is None:
        cure = f"Ray would make one whose ssh is open to everyone; make it by: {deploy(cluster, account)}"
        yield problem(f"{networks[0]}, where the nodes will be, has no firewall {cluster.security_group}: {cure}")
        return
    yield from _rules(group, deploy(cluster, account))


def usable_subnets(cluster: ClusterFile, account: Account) -> list[Mapping[str, Any]]:
    """Where Ray would put nodes, the first first: it takes those of one network that give public addresses."""
    found = account.ec2.get_paginator("describe_subnets").paginate()
    inside = cluster.document.values["provider"].get("use_internal_ips", False)
    open_ones = [one for page in found for one in page["Subnets"] if inside or one["MapPublicIpOnLaunch"]]
    zones = cluster.zones or sorted({one["AvailabilityZone"] for one in open_ones}, reverse=True)
    return [one for zone in zones for one in open_ones if one["AvailabilityZone"] == zone]


def _group(name: str, network: str, account: Account) -> Mapping[str, Any] | None:
    filters = [{"Name": "vpc-id", "Values": [network]}, {"Name": "group-name", "Values": [name]}]
    found: list[Mapping[str, Any]] = account.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return found[0] if found else None


def _rules(group: Mapping[str, Any], cure: str) -> Iterator[Finding]:
    name, rules = group["GroupName"], group["IpPermissions"]
    among = [rule for rule in rules if _from_itself(rule, group["GroupId"])]
    outside = [rule for rule in rules if _sources(rule, group["GroupId"])]
    doors = sorted({_door(rule) for rule in outside} - {"tcp 22"})
    if doors:
        yield problem(f"the firewall {name} lets others in by {', '.join(doors)}; take these rules out of it")
    if not any(rule["IpProtocol"] == "-1" for rule in among):
        yield problem(f"the firewall {name} keeps nodes from each other; mend it by: {cure}")
    ssh = [source for rule in outside if _door(rule) == "tcp 22" for source in _sources(rule, group["GroupId"])]
    if not ssh:
        yield problem(f"the firewall {name} lets no ssh in, by which Ray works; mend it by: {cure}")
    elif set(ssh) & set(EVERYWHERE):
        yield note(f"ssh is open to everyone, though only keys open it; narrow it by: {cure}")
    elif not doors:
        yield ok(f"firewall {name}: ssh from {', '.join(ssh)}")


def _from_itself(rule: Mapping[str, Any], group: str) -> bool:
    return any(pair.get("GroupId") == group for pair in rule.get("UserIdGroupPairs", ()))


def _sources(rule: Mapping[str, Any], group: str) -> list[str]:
    """Everyone that a rule lets in, but for the group itself."""
    return [
        *(one["CidrIp"] for one in rule.get("IpRanges", ())),
        *(one["CidrIpv6"] for one in rule.get("Ipv6Ranges", ())),
        *(one["PrefixListId"] for one in rule.get("PrefixListIds", ())),
        *(one["GroupId"] for one in rule.get("UserIdGroupPairs", ()) if one.get("GroupId") != group),
    ]


def _door(rule: Mapping[str, Any]) -> str:
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    if rule["IpProtocol"] == "-1" or first == -1:
        return "every port"
    return f"{rule['IpProtocol']} {first}" if first == last else f"{rule['IpProtocol']} {first} to {last}"
