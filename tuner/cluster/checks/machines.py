"""Machines that one owns: they are given, and can be reached."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tuner.cluster.file import ClusterFile
from tuner.cluster.finding import Finding, note, ok, problem
from tuner.errors import last_line, short

WAIT_S = 5


def machines(cluster: ClusterFile) -> Iterator[Finding]:
    """The head and every worker let this user in by ssh, and ask nothing."""
    provider = cluster.document.values["provider"]
    auth = cluster.document.values.get("auth", {})
    if "coordinator_address" in provider:
        yield note(f"{cluster.at('provider', 'coordinator_address')} gives out the machines, which were not looked at")
        return
    if not auth.get("ssh_user"):
        yield problem(f"{cluster.at('auth', 'ssh_user')} is missing; name the user that Ray is to be on the machines")
        return
    if not cluster.worker_ips:
        yield note(f"{cluster.at('provider', 'worker_ips')} is empty: the head alone would do the work")
    addresses = [str(cluster.head_ip), *cluster.worker_ips]
    with ThreadPoolExecutor(max_workers=16) as several:
        for address, refusal in zip(addresses, several.map(lambda one: _refusal(one, auth), addresses), strict=True):
            yield problem(refusal) if refusal else ok(f"ssh to {address}")


def _refusal(address: str, auth: dict[str, str]) -> str:
    """Why ssh does not get into a machine; empty if it does."""
    user, key = auth["ssh_user"], str(Path(auth.get("ssh_private_key", "")).expanduser())
    command = [
        *("ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={WAIT_S}", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),  # as Ray does it
        *(("-i", key) if "ssh_private_key" in auth else ()),
        *("-l", user, "--", address, "true"),
    ]
    cure = f"it must work without a question: ssh {user}@{address} true"
    try:
        done = subprocess.run(  # noqa: S603  # the address stands after `--`, and no shell reads it
            command, capture_output=True, text=True, timeout=2 * WAIT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return f"ssh to {address} gave no answer in {2 * WAIT_S} s; {cure}"
    except (OSError, ValueError) as error:
        return f"ssh cannot be started ({error}); install OpenSSH's client"
    return f"ssh to {address} fails ({short(last_line(done.stderr), 120)}); {cure}" if done.returncode else ""
