from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.cluster.stack import REGION, Edited, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.storage import bucket, storage


def test_a_bucket_is_tried_and_left_as_it_was(account: Account, edited: Edited) -> None:
    assert lines(bucket(edited(), account)) == ["ok: bucket my-bucket in us-east-1"]
    assert lines(storage(edited())) == ["ok: storage: s3://my-bucket/tuner"]
    found = boto3.client("s3", REGION).list_objects_v2(Bucket="my-bucket").get("Contents", [])
    assert [one["Key"] for one in found] in ([], ["tuner/"])  # pyarrow's mark of a folder


def test_a_bucket_that_is_not_there_is_said_with_its_cure(account: Account, edited: Edited) -> None:
    cluster = edited(("s3://my-bucket", "s3://no-bucket"))
    (line,) = lines(bucket(cluster, account))
    assert line.startswith("problem: there is no bucket no-bucket; make it by: aws cloudformation deploy ")
    assert "Bucket=no-bucket " in line
    (line,) = lines(storage(cluster))
    assert line.startswith(f"problem: {cluster.path}:12: metadata.storage s3://no-bucket/tuner cannot be ")


def test_a_bucket_of_someone_else_is_said(
    account: Account, edited: Edited, answering: Callable[[int, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", answering(403, ""))
    (line,) = lines(bucket(edited(), account))
    assert line.startswith("problem: the bucket my-bucket may not be used (An error occurred (403)")


def test_a_bucket_in_another_region_is_said(account: Account, edited: Edited) -> None:
    place = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3", "eu-west-1").create_bucket(Bucket="far-bucket", CreateBucketConfiguration=place)
    (line,) = lines(bucket(edited(("s3://my-bucket", "s3://far-bucket")), account))
    assert (
        line == "note: the bucket far-bucket is in eu-west-1, the cluster in us-east-1: AWS charges what goes between"
    )


def test_a_folder_is_no_storage_where_nodes_share_none(edited: Edited) -> None:
    (line,) = lines(storage(edited(("s3://my-bucket/tuner", "results"))))
    assert line.endswith("is results, but nodes share no folder; give a URI such as s3://my-bucket/tuner")


@pytest.mark.parametrize("uri", ["gopher://a", "s3://", "s3://UPPER case/x", "file://relative"])
def test_what_is_no_storage_is_said(aws: str, edited: Edited, uri: str) -> None:
    (line,) = lines(storage(edited(("s3://my-bucket/tuner", f"'{uri}'"))))
    assert line.startswith("problem: ")


def test_a_folder_given_as_uri_is_tried(edited: Edited, tmp_path: Path) -> None:
    assert lines(storage(edited(("s3://my-bucket/tuner", f"file://{tmp_path}")))) == [f"ok: storage: file://{tmp_path}"]
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]
