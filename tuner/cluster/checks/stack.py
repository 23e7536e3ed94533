"""What cluster/aws.yaml has made in the account: for a cluster of this name, and of these machines."""

import re
from collections.abc import Iterator

from tuner.cluster.account import Account
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, ok, problem

STACK, HEADS_PROFILE = "tuner", "tuner-head"


def stack(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """The head may start the workers: its role is for one cluster's name, and for some types of instances."""
    from botocore.exceptions import ClientError

    if cluster.head is None or cluster.head.profile != HEADS_PROFILE:
        return  # it has rights that the user has thought of
    try:
        found = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return  # there is none, as the other checks say, or it has another name
    given = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", ())}
    name, types = given.get("ClusterName", ""), re.findall(r"[\w-]+\.[\w-]+", given.get("InstanceTypes", ""))
    missing = sorted(set(_types(cluster)) - set(types))
    if name != cluster.name:
        wrong = f"{cluster.at('cluster_name')} is {cluster.name}, but the head may start nodes of {name}"
    elif missing:
        wrong = f"the head may not start instances of the type {', '.join(missing)}"
    else:
        yield ok(f"stack {STACK}: for {cluster.name}, with {', '.join(_types(cluster))}")
        return
    yield problem(f"{wrong}; mend it by: {deploy(cluster, account)}")


def _types(cluster: ClusterFile) -> list[str]:
    return list(dict.fromkeys(kind.instance_type for kind in cluster.workers))


def deploy(cluster: ClusterFile, account: Account) -> str:
    """The command that makes all of it, or mends it."""
    bucket = bucket_name(cluster.storage) if cluster.storage.startswith("s3://") else "YOUR-BUCKET"
    return (
        f"aws cloudformation deploy --template-file cluster/aws.yaml --stack-name {STACK} --region {account.region} "
        f"--capabilities CAPABILITY_NAMED_IAM --parameter-overrides Bucket={bucket} ClusterName={cluster.name} "
        f"InstanceTypes={','.join(_types(cluster))} SshFrom=YOUR-ADDRESS/32"
    )


def bucket_name(uri: str) -> str:
    """The bucket of `s3://bucket/path?options`."""
    return re.split("[/?]", uri.removeprefix("s3://"))[0]
