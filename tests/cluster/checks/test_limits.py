from collections.abc import Callable

import boto3
import pytest

from tests.cluster.stack import REGION, Edited, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.instances import hardware
from tuner.cluster.checks.limits import Need, needs, quotas, running

Quota = Callable[[float], None]
ASK = "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code"


def test_what_is_needed_is_what_all_nodes_have_together(account: Account, edited: Edited) -> None:
    cluster = edited()
    assert needs(cluster, hardware(cluster, account)) == {
        ("standard", "on-demand"): Need(2, 2),
        ("g", "on-demand"): Need(4, 0),
        ("g", "spot"): Need(4, 32),
    }


def test_an_account_that_may_start_enough_is_right(account: Account, edited: Edited, quota: Quota) -> None:
    quota(32.0)
    assert lines(quotas(edited(), account)) == [
        "ok: quota: 32 vCPUs of on-demand standard (A, C, D, H, I, M, R, T, Z) instances, 2 needed",
        "ok: quota: 32 vCPUs of on-demand G and VT instances, 0 needed",
        "ok: quota: 32 vCPUs of spot G and VT instances, 32 needed",
    ]


def test_a_new_account_may_start_nothing(account: Account, edited: Edited, quota: Quota) -> None:
    quota(0.0)
    _, reserve, line = lines(quotas(edited(), account))
    assert reserve.startswith(
        "note: the account may have 0 vCPUs of on-demand G and VT instances, but one node needs 4"
    )
    assert line == (
        "problem: the account may have 0 vCPUs of spot G and VT instances, but one node needs 4; "
        f"ask AWS for more: {ASK} L-3819A6DF --desired-value 32 --region us-east-1"
    )


def test_an_account_that_may_start_some_is_worth_knowing(account: Account, edited: Edited, quota: Quota) -> None:
    quota(8.0)
    *_, line = lines(quotas(edited(), account))
    assert line == (
        "note: the account may have 8 vCPUs of spot G and VT instances, but all nodes together need 32; "
        f"ask AWS for more: {ASK} L-3819A6DF --desired-value 32 --region us-east-1"
    )


def test_a_quota_that_cannot_be_read_is_said(
    account: Account, edited: Edited, answering: Callable[[int, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = '{"__type": "AccessDeniedException", "message": "no"}'
    monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", answering(400, body))
    *_, line = lines(quotas(edited(), account))
    assert line.startswith("note: vCPUs of spot G and VT instances: the quota L-3819A6DF cannot be read, so it was not")


def test_what_runs_already_is_said(account: Account, edited: Edited) -> None:
    assert lines(running(edited(), account)) == []
    ec2 = boto3.client("ec2", REGION)
    made = []
    for kind in ("head", "worker", "worker"):
        tags = [{"Key": "ray-cluster-name", "Value": "tuner"}, {"Key": "ray-node-type", "Value": kind}]
        given = {"ResourceType": "instance", "Tags": tags}
        made += ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, TagSpecifications=[given])["Instances"]
    identities = [one["InstanceId"] for one in made]
    (line,) = lines(running(edited(), account))
    assert line.startswith("note: a head runs at ")
    assert line.endswith(" UTC, with 2 workers; it costs money until: ray down")
    ec2.terminate_instances(InstanceIds=identities[:1])
    (line,) = lines(running(edited(), account))
    assert line.startswith("note: 2 workers run without a head; they cost money until: ray down")
    ec2.terminate_instances(InstanceIds=identities)
    assert lines(running(edited(), account)) == []
