"""What cluster/aws.yaml makes: exactly the rights that are needed, and one open port."""

import ast
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from tests.cluster.iam import Statements, allowed

ROOT = Path(__file__).parents[2]
NUMBER = "123456789012"
EC2 = f"arn:aws:ec2:us-east-1:{NUMBER}"
NODE, BUCKET = f"{EC2}:instance/i-1", "arn:aws:s3:::my-bucket"
TAGGED = {"aws:RequestTag/ray-cluster-name": "tuner"}
OWN = {"aws:ResourceTag/ray-cluster-name": "tuner"}


class Template(yaml.SafeLoader):
    """A template's own tags are read as what stands behind them."""


def _behind(loader: Any, _: str, node: yaml.Node) -> Any:
    scalar = isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node) if scalar else loader.construct_sequence(node)


Template.add_multi_constructor("!", _behind)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The template's resources as they are written."""
    text = (ROOT / "cluster" / "aws.yaml").read_text()
    found: dict[str, Any] = yaml.load(text, Template)["Resources"]
    return found


@pytest.fixture(scope="module")
def shared(aws: str, resources: dict[str, Any]) -> Statements:
    """The policy of both roles. That they have it is in the template; moto leaves `ManagedPolicyArns` out."""
    assert [resources[role]["Properties"]["ManagedPolicyArns"] for role in ("HeadRole", "WorkerRole")] == [
        ["UseStorage"]
    ] * 2
    iam = boto3.client("iam", "us-east-1")
    (policy,) = iam.list_policies(Scope="Local")["Policies"]
    found = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    return _statements(found["PolicyVersion"]["Document"])


def _statements(document: Any) -> Statements:
    """Of a policy; moto gives those of a stack as Python writes them."""
    read = ast.literal_eval(document) if isinstance(document, str) and "'" in document else document
    found: Statements = (json.loads(read) if isinstance(read, str) else read)["Statement"]
    return found


@pytest.fixture(scope="module")
def worker(shared: Statements) -> Statements:
    iam = boto3.client("iam", "us-east-1")
    assert iam.list_role_policies(RoleName="tuner-worker")["PolicyNames"] == []
    return shared


@pytest.fixture(scope="module")
def head(shared: Statements) -> Statements:
    iam = boto3.client("iam", "us-east-1")
    (name,) = iam.list_role_policies(RoleName="tuner-head")["PolicyNames"]
    return shared + _statements(iam.get_role_policy(RoleName="tuner-head", PolicyName=name)["PolicyDocument"])


USES = [
    ("s3:ListBucket", BUCKET),
    ("s3:GetBucketLocation", BUCKET),
    ("s3:GetObject", f"{BUCKET}/tuner/a"),
    ("s3:PutObject", f"{BUCKET}/tuner/a"),
    ("s3:DeleteObject", f"{BUCKET}/tuner/a"),
    ("s3:AbortMultipartUpload", f"{BUCKET}/tuner/a"),
]
NEVER = [
    ("s3:ListBucket", "arn:aws:s3:::my-bucket-of-others"),
    ("s3:GetObject", "arn:aws:s3:::other/a"),
    ("s3:ListAllMyBuckets", "*"),
    ("s3:DeleteBucket", BUCKET),
    ("s3:PutBucketPolicy", BUCKET),
    ("s3:PutBucketAcl", BUCKET),
    ("s3:PutObjectAcl", f"{BUCKET}/tuner/a"),
    ("s3:PutBucketPublicAccessBlock", BUCKET),
    ("iam:CreateUser", "*"),
    ("iam:CreateRole", f"arn:aws:iam::{NUMBER}:role/other"),
    ("iam:AttachRolePolicy", f"arn:aws:iam::{NUMBER}:role/tuner-worker"),
    ("iam:PutRolePolicy", f"arn:aws:iam::{NUMBER}:role/tuner-head"),
    ("iam:PassRole", f"arn:aws:iam::{NUMBER}:role/tuner-head"),
    ("iam:PassRole", f"arn:aws:iam::{NUMBER}:role/Admin"),
    ("sts:AssumeRole", f"arn:aws:iam::{NUMBER}:role/Admin"),
    ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-1"),
    ("ec2:CreateSecurityGroup", f"{EC2}:security-group/sg-1"),
    ("ec2:ModifyInstanceAttribute", NODE),
    ("ec2:AssociateIamInstanceProfile", NODE),
    ("ec2:GetPasswordData", NODE),
    ("ec2:CreateKeyPair", f"{EC2}:key-pair/a"),
    ("ec2:RequestSpotFleet", "*"),
    ("secretsmanager:GetSecretValue", "*"),
    ("ssm:SendCommand", NODE),
    ("ssm:GetParameters", f"arn:aws:ssm:us-east-1:{NUMBER}:parameter/secret"),
    ("organizations:ListAccounts", "*"),
]
HEADS = [
    ("ec2:DescribeInstances", "*", {}),
    ("ec2:RunInstances", NODE, {**TAGGED, "ec2:InstanceType": "g5.xlarge"}),
    ("ec2:TerminateInstances", NODE, OWN),
    ("ec2:CreateTags", NODE, OWN),
    ("iam:PassRole", f"arn:aws:iam::{NUMBER}:role/tuner-worker", {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("ssm:GetParameters", "arn:aws:ssm:us-east-1::parameter/aws/service/deeplearning/x", {}),
]


@pytest.mark.parametrize(("action", "resource"), USES)
def test_both_roles_use_the_bucket(worker: Statements, head: Statements, action: str, resource: str) -> None:
    assert allowed(worker, action, resource)
    assert allowed(head, action, resource)


@pytest.mark.parametrize(("action", "resource"), NEVER)
def test_neither_role_may_do_more(worker: Statements, head: Statements, action: str, resource: str) -> None:
    everything = {**TAGGED, **OWN, "iam:PassedToService": "ec2.amazonaws.com", "ec2:InstanceType": "g5.xlarge"}
    assert not allowed(worker, action, resource, everything)
    assert not allowed(head, action, resource, everything)


@pytest.mark.parametrize(("action", "resource", "context"), HEADS)
def test_the_head_may_run_workers_and_a_worker_may_not(
    worker: Statements, head: Statements, action: str, resource: str, context: dict[str, str]
) -> None:
    assert allowed(head, action, resource, context)
    assert not allowed(worker, action, resource, context)


@pytest.mark.parametrize("kind", ["p5.48xlarge", "g5.48xlarge", "m7i.large", "g5g", "xg5.xlarge"])
def test_the_head_starts_nothing_dearer(head: Statements, kind: str) -> None:
    assert not allowed(head, "ec2:RunInstances", NODE, {**TAGGED, "ec2:InstanceType": kind})


@pytest.mark.parametrize(
    ("action", "context"),
    [
        ("ec2:RunInstances", {"ec2:InstanceType": "g5.xlarge"}),
        ("ec2:TerminateInstances", {}),
        ("ec2:TerminateInstances", {"aws:ResourceTag/Name": "production"}),
        ("ec2:TerminateInstances", {"aws:ResourceTag/ray-cluster-name": "somebody-elses"}),
        ("ec2:RunInstances", {"ec2:InstanceType": "g5.xlarge", "aws:RequestTag/ray-cluster-name": "another"}),
        ("ec2:CreateTags", {}),
        ("ec2:CreateTags", {"ec2:CreateAction": "CreateVolume"}),
    ],
)
def test_the_head_touches_nothing_that_is_no_node_of_a_cluster(
    head: Statements, action: str, context: dict[str, str]
) -> None:
    assert not allowed(head, action, NODE, context)


def test_the_head_gives_a_role_to_machines_alone(head: Statements) -> None:
    role = f"arn:aws:iam::{NUMBER}:role/tuner-worker"
    assert not allowed(head, "iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not allowed(head, "iam:PassRole", role)


def test_all_that_a_machine_is_started_with_is_allowed(head: Statements, aws: str) -> None:
    (group,) = boto3.client("ec2", "us-east-1").describe_security_groups(GroupNames=["tuner"])["SecurityGroups"]
    own = [
        "subnet/s",
        "volume/*",
        "spot-instances-request/*",
        "key-pair/k",
        "network-interface/*",
        f"security-group/{group['GroupId']}",
    ]
    wanted = [
        *(f"{EC2}:{one}" for one in own),
        "arn:aws:ec2:us-east-1::image/ami-1",
        "arn:aws:ec2:us-east-1::snapshot/s",
    ]
    assert all(allowed(head, "ec2:RunInstances", one) for one in wanted)
    assert not allowed(head, "ec2:RunInstances", f"{EC2}:security-group/sg-of-others")


def test_only_ssh_comes_in_from_the_addresses_given(aws: str) -> None:
    (group,) = boto3.client("ec2", "us-east-1").describe_security_groups(GroupNames=["tuner"])["SecurityGroups"]
    ssh, among = sorted(group["IpPermissions"], key=lambda rule: str(rule["IpProtocol"]), reverse=True)
    assert (ssh["IpProtocol"], ssh["FromPort"], ssh["ToPort"]) == ("tcp", 22, 22)
    assert [one["CidrIp"] for one in ssh["IpRanges"]] == ["203.0.113.7/32"]
    assert [ssh["UserIdGroupPairs"], ssh["Ipv6Ranges"], ssh["PrefixListIds"]] == [[], [], []]
    assert (among["IpProtocol"], [one["GroupId"] for one in among["UserIdGroupPairs"]]) == ("-1", [group["GroupId"]])
    assert [among["IpRanges"], among["Ipv6Ranges"], among["PrefixListIds"]] == [[], [], []]


def test_the_bucket_is_nobody_elses_and_outlives_the_stack(aws: str, resources: dict[str, Any]) -> None:
    bucket = resources["Storage"]  # moto leaves both of these out
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
    kinds = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert blocked == dict.fromkeys(kinds, True)
    found = boto3.client("s3", "us-east-1").get_bucket_encryption(Bucket="my-bucket")
    (rule,) = found["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_roles_are_for_machines_alone(aws: str) -> None:
    iam = boto3.client("iam", "us-east-1")
    for name in ("tuner-head", "tuner-worker"):
        (role,) = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert role["RoleName"] == name
        assert trust == {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
