"""An AWS account for tests: what cluster/aws.yaml makes, in a server of moto's."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding

ROOT = Path(__file__).parents[2]
NUMBER, REGION = "123456789012", "us-east-1"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
DEEP_LEARNING = "/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-24.04/latest/ami-id"
TYPES = "g4dn.xlarge,g5.xlarge,g5.2xlarge,g6.xlarge,g6.2xlarge"
Edited = Callable[..., ClusterFile]


class Answering(BaseHTTPRequestHandler):
    """Gives one answer to everything."""

    status, body = 200, b""

    def answer(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def environment(address: str) -> Iterator[None]:
    """The environment of a process whose AWS is there, and nothing of one's own account."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nowhere")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        yield


def deploy() -> None:
    """The stack, and the images that cluster.yaml names."""
    import boto3

    given = {"Bucket": "my-bucket", "SshFrom": "203.0.113.7/32", "InstanceTypes": TYPES}  # moto does not split defaults
    boto3.client("cloudformation", REGION).create_stack(
        StackName="tuner",
        TemplateBody=(ROOT / "cluster" / "aws.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    image = boto3.client("ec2", REGION).register_image(Name="an image, of 15 GB as all of moto's")["ImageId"]
    for name in (UBUNTU, DEEP_LEARNING):
        keep_parameter(name, image)


def keep_parameter(name: str, value: str) -> None:
    """One of AWS's own, which nobody else may write."""
    from moto.ssm.models import Parameter, ssm_backends

    now = datetime.now(timezone.utc)
    made = Parameter(NUMBER, name, value, "String", None, None, None, now, 1, "text")
    ssm_backends[NUMBER][REGION]._parameters[name] = [made]


def lines(findings: Iterator[Finding]) -> list[str]:
    """What was found, as the command prints it."""
    return [f"{finding.kind}: {finding.text}" for finding in findings]
