"""Instances have machines, and nothing of them is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from tests.cluster.cloud import Cloud
from tests.cluster.ours import wait_for

ROOT = Path(__file__).parents[2]
IMAGE = "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-24.04/latest/ami-id"


def asked(cloud: Cloud, code: str) -> str:
    """What some lines of Python on the laptop print, or the last line of their error."""
    ran = cloud.run([sys.executable, "-c", f"import boto3\nec2 = boto3.client('ec2')\n{code}"], timeout=60)
    return ran.stdout if ran.returncode == 0 else ran.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A region with a role for the head."""
    if reason := Cloud.missing():
        pytest.skip(f"no cloud: {reason}")
    with Cloud(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    """Of an instance profile of the same name."""
    said = asked(
        cloud,
        "iam = boto3.client('iam')\n"
        "iam.create_role(RoleName='node', AssumeRolePolicyDocument='{}')\n"
        "iam.create_instance_profile(InstanceProfileName='node')\n"
        "iam.add_role_to_instance_profile(InstanceProfileName='node', RoleName='node')\n",
    )
    assert said == ""
    return "node"


def launched(cloud: Cloud, settings: str) -> str:
    """The instance's id, or why there is none."""
    arguments = f"ImageId={IMAGE!r}, InstanceType='g5.xlarge', MinCount=1, MaxCount=1, KeyName='key'"
    return asked(cloud, f"print(ec2.run_instances(**dict({arguments}) | {settings})['Instances'][0]['InstanceId'])")


@pytest.fixture(scope="module")
def key(cloud: Cloud) -> Path:
    """A key pair's private half."""
    file = cloud.home / "key.pem"
    file.touch(mode=0o600)
    file.write_text(asked(cloud, "print(ec2.create_key_pair(KeyName='key')['KeyMaterial'])"))
    return file


def test_what_ec2_refuses_is_refused(cloud: Cloud, key: Path) -> None:
    assert "(InvalidAMIID.NotFound)" in launched(cloud, "{'ImageId': 'ami-00000000'}")
    assert "(InvalidParameterValue)" in launched(cloud, "{'ImageId': 'resolve:ssm:/aws/service/nothing'}")
    assert "(InvalidInstanceType.NotFound)" in launched(cloud, "{'InstanceType': 'g5.xlarg'}")
    cloud.no_capacity("spot", "g5.xlarge")
    spot = "{'InstanceMarketOptions': {'MarketType': 'spot'}}"
    assert "(InsufficientInstanceCapacity)" in launched(cloud, spot)
    cloud.capacity_again()
    assert cloud.instances() == []
    assert launched(cloud, spot) == f"{cloud.instances()[0].id}\n"
    cloud.kill(cloud.instances()[0].id)


def test_a_box_is_the_machine_of_its_instance(cloud: Cloud, key: Path, role: str) -> None:
    name = launched(cloud, f"{{'IamInstanceProfile': {{'Name': {role!r}}}}}").strip()
    instance = next(one for one in cloud.instances() if one.id == name)
    assert instance.image.startswith("ami-")

    def told(command: str) -> str:
        options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", str(key))
        return cloud.run(["ssh", *options, f"ubuntu@{instance.public_ip}", command], timeout=30).stdout.strip()

    def metadata(path: str) -> str:
        lifetime = "X-aws-ec2-metadata-token-ttl-seconds:60"
        token = f"$(curl -s -X PUT -H {lifetime} http://169.254.169.254/latest/api/token)"
        return told(f"curl -s -f -H X-aws-ec2-metadata-token:{token} http://169.254.169.254/latest/{path}")

    assert wait_for(lambda: told("echo up") == "up", 20)
    assert told("hostname -i") == instance.private_ip
    assert told("sudo id -u; ls /tmp/*.py").splitlines()[0] == "0"
    assert metadata("meta-data/instance-id") == name
    assert json.loads(metadata("dynamic/instance-identity/document"))["region"] == cloud.region
    assert told("curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/") == "401"
    caller = f"{sys.executable} -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])\""
    assert told(caller).endswith(f":assumed-role/{role}/{name}")
    assert metadata("meta-data/spot/instance-action") == ""
    cloud.give_notice(name)
    assert json.loads(metadata("meta-data/spot/instance-action"))["action"] == "terminate"
    assert cloud.boxes() == [name]
    cloud.give_notice(name, 1)
    assert wait_for(lambda: cloud.boxes() == [], 10)
    assert {one.state for one in cloud.instances()} == {"terminated"}


def test_a_command_on_the_laptop_can_be_interrupted(cloud: Cloud, tmp_path: Path) -> None:
    code = "import time\ntry:\n print('begun', flush=True)\n time.sleep(600)\nexcept KeyboardInterrupt: print('tidied')"
    with cloud.start([sys.executable, "-c", code], cwd=tmp_path, stdout=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "tidied\n"
    assert cloud.run(["pwd"], timeout=20, cwd=tmp_path).stdout == f"{tmp_path}\n"


ENTERED = """
import sys, time
from pathlib import Path
from tests.cluster.cloud import Cloud
with Cloud(Path(sys.argv[1])) as cloud:
    command = "boto3.client('ec2').run_instances(ImageId='ami-0a1b2c3d4e5f60718', MinCount=1, MaxCount=1)"
    assert cloud.run([sys.executable, "-c", f"import boto3; {command}"], timeout=60).returncode == 0
    sleeping = cloud.start(["sleep", "600"])
    while not cloud.boxes():
        time.sleep(0.1)
    print("entered", flush=True)
    sys.stdin.read()
    raise KeyboardInterrupt
"""


def below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All that it has started, in whatever namespace."""
    return list(psutil.Process(process.pid).children(recursive=True))


def names(processes: list[psutil.Process]) -> set[str]:
    """Of those that are still there."""
    found = set()
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            found.add(one.name())
    return found


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_is_left(killed: bool, cloud: Cloud, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENTERED, str(tmp_path)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "entered\n"
        assert wait_for(lambda: {"sleep", "sshd"} <= names(below(process)), 20)
        started = below(process)
        if killed:
            process.kill()
        assert process.communicate(timeout=20)[1].splitlines()[-1:] == ([] if killed else ["KeyboardInterrupt"])
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
