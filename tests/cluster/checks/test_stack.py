import boto3
import pytest

from tests.cluster.stack import REGION, Edited, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.stack import stack


def test_what_the_template_makes_is_for_this_cluster(account: Account, edited: Edited) -> None:
    assert lines(stack(edited(), account)) == ["ok: stack tuner: for tuner, with g5.xlarge"]


@pytest.mark.parametrize(
    ("change", "told", "cure"),
    [
        (
            ("cluster_name: tuner", "cluster_name: v4"),
            "cluster_name is v4, but the head may start nodes of tuner",
            "ClusterName=v4 InstanceTypes=g5.xlarge ",
        ),
        (
            ("InstanceType: g5.xlarge", "InstanceType: g5.4xlarge"),
            "problem: the head may not start instances of the type g5.4xlarge",
            "ClusterName=tuner InstanceTypes=g5.4xlarge ",
        ),
    ],
)
def test_what_the_head_may_not_start_is_said(
    account: Account, edited: Edited, change: tuple[str, str], told: str, cure: str
) -> None:
    (line,) = lines(stack(edited(change), account))
    assert f"{told}; mend it by: aws cloudformation deploy " in line
    assert f" Bucket=my-bucket {cure}SshFrom=" in line


def test_rights_of_ones_own_are_not_looked_at(account: Account, edited: Edited) -> None:
    assert lines(stack(edited(("Name: tuner-head", "Name: mine")), account)) == []


def test_without_a_stack_of_this_name_nothing_is_said(
    account: Account, edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.cluster.checks.stack.STACK", "another")
    with pytest.raises(boto3.client("cloudformation", REGION).exceptions.ClientError):
        boto3.client("cloudformation", REGION).describe_stacks(StackName="another")
    assert lines(stack(edited(), account)) == []
