"""The command that makes in an account what cluster/aws.yaml describes."""

import re

from tuner.cluster.account import Account
from tuner.cluster.file import ClusterFile


def deploy(cluster: ClusterFile, account: Account) -> str:
    """It makes all of it, or mends it."""
    bucket = bucket_name(cluster.storage) if cluster.storage.startswith("s3://") else "YOUR-BUCKET"
    return (
        f"aws cloudformation deploy --template-file cluster/aws.yaml --stack-name tuner --region {account.region} "
        f"--capabilities CAPABILITY_NAMED_IAM --parameter-overrides Bucket={bucket} SshFrom=YOUR-ADDRESS/32"
    )


def bucket_name(uri: str) -> str:
    """The bucket of `s3://bucket/path?options`."""
    return re.split("[/?]", uri.removeprefix("s3://"))[0]
