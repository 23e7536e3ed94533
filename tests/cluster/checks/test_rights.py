from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.cluster.stack import REGION, Edited, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.rights import firewall, profiles, usable_subnets

DEPLOY = "aws cloudformation deploy --template-file cluster/aws.yaml --stack-name tuner --region us-east-1 "


@pytest.fixture
def ec2(aws: str) -> Any:
    return boto3.client("ec2", REGION)


@pytest.fixture
def group(ec2: Any) -> Iterator[str]:
    """A firewall `mine` that is as it should be."""
    made = ec2.create_security_group(GroupName="mine", Description="a test's")["GroupId"]
    allow(ec2, made, 22, 22, IpRanges=[{"CidrIp": "203.0.113.7/32"}])
    allow(ec2, made, -1, -1, "-1", UserIdGroupPairs=[{"GroupId": made}])
    yield made
    ec2.delete_security_group(GroupId=made)


def allow(ec2: Any, group: str, first: int, last: int, protocol: str = "tcp", **sources: Any) -> None:
    rule = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, **sources}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def looked_at(edited: Edited, account: Account) -> list[str]:
    return lines(firewall(edited(("GroupName: tuner", "GroupName: mine")), account))


def test_what_the_template_makes_is_right(account: Account, edited: Edited) -> None:
    assert lines(profiles(edited(), account)) == [
        "ok: instance profile tuner-head",
        "ok: instance profile tuner-worker",
    ]
    assert lines(firewall(edited(), account)) == ["ok: firewall tuner: ssh from 203.0.113.7/32"]


def test_a_profile_that_is_not_there_is_said_with_its_cure(account: Account, edited: Edited) -> None:
    found = lines(profiles(edited(("Name: tuner-worker", "Name: other")), account))
    assert found[1].startswith(f"problem: the account has no instance profile other; make it by: {DEPLOY}")


def test_a_profile_without_a_role_is_said(account: Account, edited: Edited) -> None:
    iam = boto3.client("iam", REGION)
    iam.create_instance_profile(InstanceProfileName="empty")
    found = lines(profiles(edited(("Name: tuner-worker", "Name: empty")), account))
    iam.delete_instance_profile(InstanceProfileName="empty")
    assert found[1].startswith(f"problem: the instance profile empty holds no role; mend it by: {DEPLOY}")


def test_a_head_without_a_profile_is_worth_knowing(account: Account, edited: Edited) -> None:
    found = lines(profiles(edited(("      IamInstanceProfile: {Name: tuner-head}\n", "")), account))
    assert (
        found[-1] == "note: the head has no instance profile: Ray would make one that may do anything with EC2 and S3"
    )


def test_a_firewall_that_is_not_there_is_said_with_its_cure(account: Account, edited: Edited) -> None:
    (line,) = looked_at(edited, account)
    assert (
        "where the nodes will be, has no firewall mine: Ray would make one whose ssh is open to everyone; make" in line
    )
    assert line.startswith("problem: vpc-")
    (line,) = lines(firewall(edited(("  security_group:\n    GroupName: tuner", "")), account))
    assert line == "note: no provider.security_group: Ray would make one whose ssh is open to everyone"


def test_a_firewall_in_another_network_is_not_the_one(account: Account, edited: Edited, ec2: Any) -> None:
    network = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_security_group(GroupName="mine", Description="a test's", VpcId=network)["GroupId"]
    (line,) = looked_at(edited, account)
    ec2.delete_security_group(GroupId=made)
    ec2.delete_vpc(VpcId=network)
    assert "has no firewall mine" in line


def test_ssh_open_to_everyone_is_worth_knowing(account: Account, edited: Edited, ec2: Any, group: str) -> None:
    assert looked_at(edited, account) == ["ok: firewall mine: ssh from 203.0.113.7/32"]
    allow(ec2, group, 22, 22, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    (line,) = looked_at(edited, account)
    assert line.startswith(f"note: ssh is open to everyone, though only keys open it; narrow it by: {DEPLOY}")
    assert line.endswith("Bucket=my-bucket ClusterName=tuner InstanceTypes=g5.xlarge SshFrom=YOUR-ADDRESS/32")


@pytest.mark.parametrize(
    ("first", "last", "protocol", "sources", "door"),
    [
        (8265, 8265, "tcp", {"IpRanges": [{"CidrIp": "203.0.113.7/32"}]}, "tcp 8265"),
        (0, 65535, "tcp", {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "tcp 0 to 65535"),
        (-1, -1, "-1", {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "every port"),
        (6379, 6379, "tcp", {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "tcp 6379"),
        (22, 23, "tcp", {"IpRanges": [{"CidrIp": "203.0.113.7/32"}]}, "tcp 22 to 23"),
    ],
)
def test_any_other_open_port_is_a_problem(
    account: Account,
    edited: Edited,
    ec2: Any,
    group: str,
    first: int,
    last: int,
    protocol: str,
    sources: Any,
    door: str,
) -> None:
    allow(ec2, group, first, last, protocol, **sources)
    (line,) = looked_at(edited, account)
    assert line == f"problem: the firewall mine lets others in by {door}; take these rules out of it"


def test_nodes_that_do_not_reach_each_other_are_a_problem(account: Account, edited: Edited, ec2: Any) -> None:
    made = ec2.create_security_group(GroupName="mine", Description="a test's")["GroupId"]
    among, ssh = looked_at(edited, account)
    ec2.delete_security_group(GroupId=made)
    assert among.startswith(f"problem: the firewall mine keeps nodes from each other; mend it by: {DEPLOY}")
    assert ssh.startswith(f"problem: the firewall mine lets no ssh in, by which Ray works; mend it by: {DEPLOY}")


def test_without_a_subnet_there_is_no_place_for_nodes(account: Account, edited: Edited) -> None:
    zones = "us-east-1a,us-east-1b,us-east-1c,us-east-1d,us-east-1f"
    cluster = edited((zones, "us-east-1x"))
    assert usable_subnets(cluster, account) == []
    (line,) = lines(firewall(cluster, account))
    assert line.startswith("problem: no subnet in us-east-1x gives public addresses; make the default ones: aws ec2 ")
