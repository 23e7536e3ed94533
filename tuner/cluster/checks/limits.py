"""How much an account may start at a time, and what it has running already."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuner.cluster.account import Account
from tuner.cluster.checks.instances import hardware
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.cluster.node_types import Market, NodeType

QUOTAS: Mapping[tuple[str, Market], str] = {
    ("g", "spot"): "L-3819A6DF",
    ("g", "on-demand"): "L-DB2E81BA",
    ("standard", "spot"): "L-34B43A08",
    ("standard", "on-demand"): "L-1216C47A",
}
"""AWS's limits on vCPUs, https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html."""

_FAMILIES = {"g": "G and VT", "standard": "standard (A, C, D, H, I, M, R, T, Z)"}


@dataclass(frozen=True)
class Need:
    """vCPUs under one quota.

    Attributes:
        least: Those of the smallest node.
        most: Those of all nodes at a time.
    """

    least: int
    most: int


def quotas(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """The account may start at least one node of each kind; new accounts may start no GPU at all."""
    for (family, market), need in needs(cluster, hardware(cluster, account)).items():
        code = QUOTAS[family, market]
        what = f"vCPUs of {market} {_FAMILIES[family]} instances"
        limit = _limit(code, account)
        cure = f"ask AWS for more: {_request(code, max(need.least, need.most), account.region)}"
        if limit is None:
            yield note(f"{what}: the quota {code} cannot be read, so it was not compared with the {need.most} needed")
        elif limit < need.least:
            says = (
                problem if need.most else note
            )  # a type of `max_workers: 0` is only for when there is no spot capacity
            yield says(f"the account may have {limit} {what}, but one node needs {need.least}; {cure}")
        elif limit < need.most:
            yield note(f"the account may have {limit} {what}, but all nodes together need {need.most}; {cure}")
        else:
            yield ok(f"quota: {limit} {what}, {need.most} needed")


def _request(code: str, wanted: int, region: str) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} "
        f"--desired-value {wanted} --region {region}"
    )


def needs(cluster: ClusterFile, known: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, Market], Need]:
    """The vCPUs under each quota, if as many nodes run as may."""
    found: dict[tuple[str, Market], Need] = {}
    for kind in cluster.node_types:
        key = (_family(kind), kind.market)
        if kind.instance_type in known and key in QUOTAS:
            each = known[kind.instance_type]["CPU"]
            before = found.get(key, Need(each, 0))
            found[key] = Need(min(before.least, each), before.most + each * kind.max_workers)
    return found


def _family(kind: NodeType) -> str:
    letters = re.split("[^a-z]", kind.instance_type)[0]
    if letters in ("g", "vt"):
        return "g"
    return "standard" if letters in ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z") else letters


def _limit(code: str, account: Account) -> int | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = account.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)
    except (BotoCoreError, ClientError):
        return None  # mostly not permitted, and no reason not to start
    return int(answer["Quota"]["Value"])


def running(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """Says what of this cluster runs already."""
    wanted = {"tag:ray-cluster-name": [cluster.name], "instance-state-name": ["pending", "running"]}
    pages = account.ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": name, "Values": values} for name, values in wanted.items()]
    )
    found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
    heads = [one for one in found if {"Key": "ray-node-type", "Value": "head"} in one.get("Tags", ())]
    for head in heads:
        where = head.get("PublicIpAddress") or head.get("PrivateIpAddress") or head["InstanceId"]
        workers = len(found) - len(heads)
        since = f"{head['LaunchTime']:%Y-%m-%d %H:%M} UTC"
        yield note(f"a head runs at {where} since {since}, with {workers} workers; it costs money until: ray down")
    if found and not heads:
        yield note(f"{len(found)} workers run without a head; they cost money until: ray down {cluster.path}")
