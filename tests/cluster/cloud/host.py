"""What the cloud needs of the machine that it is on, and the environments of its processes."""

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

IMAGES = Path(__file__).with_name("images.json")
ENDPOINT = "http://172.31.255.254:5000"
TOOLS = (
    *("curl", "env", "ip", "nsenter", "pivot_root", "rsync", "setpriv", "ssh", "ssh-keygen", "sshd", "sudo"),
    *("unshare", "useradd"),
)
MODULES = ("boto3", "flask", "flask_cors", "moto")
PATH = f"{sys.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ("--mount", "--uts", "--ipc", "--net")
TRIAL = """
mount -t tmpfs trial /mnt && mkdir /mnt/disk /mnt/work /mnt/root
mount -t overlay trial -o lowerdir=/,upperdir=/mnt/disk,workdir=/mnt/work /mnt/root
ip link add one type bridge && ip link add two type veth peer name three
"""


@lru_cache
def missing() -> str:
    """Why there can be no cloud on this machine; empty if there can."""
    if os.geteuid() != 0:
        return "only root can make namespaces"
    absent = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    absent += [module for module in MODULES if find_spec(module) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    command = ["unshare", *NAMESPACES, "--pid", "--fork", "--kill-child", "sh", "-ec", TRIAL]
    trial = subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True)
    return f"no namespaces here: {trial.stderr.strip()}" if trial.returncode else ""


def region_environment() -> dict[str, str]:
    """Of the API's process: moto checks what EC2 checks."""
    return {
        "PATH": PATH,
        "MOTO_AMIS_PATH": str(IMAGES),
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }


def laptop_environment(folder: Path, user: str, region: str) -> dict[str, str]:
    """Of a command of a user with credentials, and nothing of ours but the path of Python's modules."""
    own = {name: os.environ[name] for name in ("PYTHONPATH", "LANG") if name in os.environ}
    return {
        **own,
        "PATH": PATH,
        "HOME": str(folder / "home"),
        "LOGNAME": user,
        "TMPDIR": str(folder / "tmp"),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": ENDPOINT,
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
