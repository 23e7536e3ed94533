"""Where data and results lie: it can be listed, written, read and deleted."""

import secrets
from collections.abc import Iterator

from pyarrow import fs

from tuner.cluster.account import Account
from tuner.cluster.checks.stack import bucket_name, deploy
from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.errors import InputError, clause
from tuner.folder import Folder


def bucket(cluster: ClusterFile, account: Account) -> Iterator[Finding]:
    """The bucket exists, may be looked at, and lies in the cluster's region."""
    from botocore.exceptions import ClientError

    if not cluster.storage.startswith("s3://"):
        return
    name = bucket_name(cluster.storage)
    try:
        answer = account.client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            yield problem(f"there is no bucket {name}; make it by: {deploy(cluster, account)}")
        else:
            yield problem(
                f"the bucket {name} may not be used ({clause(error)}); it may be someone else's: take another"
            )
        return
    region = answer.get("BucketRegion") or account.region
    if region == account.region:
        yield ok(f"bucket {name} in {region}")
    else:
        yield note(f"the bucket {name} is in {region}, the cluster in {account.region}: AWS charges what goes between")


def storage(cluster: ClusterFile) -> Iterator[Finding]:
    """The storage is one that every node can use, and does what runs ask of it."""
    where = cluster.at("metadata", "storage")
    if "://" in cluster.storage:
        yield _tried(cluster.storage, where)
    elif cluster.provider == "aws":
        yield problem(
            f"{where} is {cluster.storage}, but nodes share no folder; give a URI such as s3://my-bucket/tuner"
        )
    else:
        yield note(f"{where} is {cluster.storage}: every machine must have this folder, and it must be the same one")


def _tried(uri: str, where: str) -> Finding:
    """What comes of one small object that is written, read and removed by the library that runs use."""
    name, step = f"doctor-{secrets.token_hex(8)}", "opened"
    try:
        filesystem, folder = Folder.at(uri).place
        step = "listed"
        filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        step = "written"
        with filesystem.open_output_stream(f"{folder}/{name}") as stream:
            stream.write(name.encode())
        step = "read"
        with filesystem.open_input_stream(f"{folder}/{name}") as stream:
            held = stream.read()
        step = "deleted from"
        filesystem.delete_file(f"{folder}/{name}")
    except InputError as error:
        return problem(f"{where}: {error}")
    except (OSError, ValueError) as error:
        return problem(f"{where} {uri} cannot be {step}: {clause(error)}")
    return ok(f"storage: {uri}") if held == name.encode() else problem(f"{uri} gives back other than it was given")
