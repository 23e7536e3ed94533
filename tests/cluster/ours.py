"""This project's cluster.yaml in the cloud of the tests."""

import hashlib
import sys
import time
from collections.abc import Callable
from typing import Any

import yaml

from tests.cluster.cloud import Cloud
from tests.cluster.cloud.cloud import ROOT

BUCKET = "somebodys-results"
HURRIED = {
    "AUTOSCALER_UPDATE_INTERVAL_S": 1,
    "AUTOSCALER_NODE_SSH_INTERVAL_S": 1,
    "RAY_health_check_failure_threshold": 2,
    "RAY_health_check_initial_delay_ms": 1000,
    "RAY_health_check_period_ms": 1000,
    "RAY_health_check_timeout_ms": 2000,
    "OMP_NUM_THREADS": 1,
}
"""Ray's own, which would have the tests wait; the tests' machine has few cores."""
STACK = """
import boto3, sys
cloudformation = boto3.client("cloudformation")
parameters = [{"ParameterKey": "Bucket", "ParameterValue": sys.argv[2]}]
cloudformation.create_stack(
    StackName="tuner",
    TemplateBody=open(sys.argv[1]).read(),
    Parameters=parameters,
    Capabilities=["CAPABILITY_NAMED_IAM"],
)
"""


def prepared(cloud: Cloud, **changes: Any) -> None:
    """The laptop's home holds a checkout, whose cluster.yaml has the tests' bucket, and the account what it needs.

    What else differs: packages are there already, as this Python's, and Ray waits less.
    """
    for name in ("base_configs", "cluster", "mutations", "tuner"):
        (cloud.home / name).symlink_to(ROOT / name)
    told = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    told["metadata"]["storage"] = f"s3://{BUCKET}/tuner"
    told["max_workers"], told["idle_timeout_minutes"] = 2, 0.3
    told["setup_commands"].insert(0, _packages())
    for kind in ("head", "worker"):
        commands = told[f"{kind}_start_ray_commands"]
        exports = " ".join(f"export {name}={value};" for name, value in HURRIED.items())
        commands[1] = f"{exports} {commands[1]} --object-store-memory=100000000"
    told.update(changes)
    (cloud.home / "cluster.yaml").write_text(yaml.safe_dump(told))
    said(cloud, [sys.executable, "-c", STACK, "cluster/aws.yaml", BUCKET])


def _packages() -> str:
    """A command after which cluster/setup.sh finds all packages there."""
    wanted = hashlib.sha256((ROOT / "cluster" / "requirements.txt").read_bytes()).hexdigest()
    return f"ln -sfn {sys.prefix} ~/tuner-env; echo '{wanted}  -' > ~/.tuner-env-holds"


def wait_for(moment: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the moment came."""
    deadline = time.monotonic() + timeout_s
    while not (came := moment()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return came


def said(cloud: Cloud, command: list[str], timeout_s: float = 120) -> str:
    """What a command on the laptop says, which succeeds."""
    ran = cloud.run(command, timeout=timeout_s)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
