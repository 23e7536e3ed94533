"""Tells Ray when EC2 is about to take this machine away: `python spot_notice.py`, beside Ray on each worker.

Needs this file, Python and Ray. EC2 says so two minutes before it ends a spot instance, in the instance's metadata.
From then on Ray gives the node no new work, and whoever has work there can ask which nodes are about to go. That EC2
recommends another instance is no notice: the machine may stay for hours. If the head is gone, nobody else would end
this machine: it can do that itself.
"""

import argparse
import http.client
import json
import logging
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit

import ray
from ray._private import services
from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated.autoscaler_pb2 import DRAIN_NODE_REASON_PREEMPTION  # type: ignore[attr-defined]
from ray.core.generated.gcs_pb2 import GcsNodeInfo  # type: ignore[attr-defined]
from ray.core.generated.gcs_service_pb2 import GetAllNodeInfoRequest  # type: ignore[attr-defined]

ENDPOINT = "http://169.254.169.254"
TOKEN, ACTION = "/latest/api/token", "/latest/meta-data/spot/instance-action"
ANSWER_S, RAYS_ANSWER_S = 2, 10
POLL_S = 5
ABSENT_AFTER = 5
"""Polls that fail from the beginning, after which this is no machine of EC2's."""
LOOK_EVERY_S = 60
"""Ray is asked for this machine's nodes as long as there is no notice."""
SETTLED_S = 15
"""After a node has joined: Ray's autoscaler fails over one that is drained as soon as it joins."""
GONE_S = 600
"""Without a node of Ray's on this machine, after which there is nothing left to watch for, or to pay for."""
log = logging.getLogger("spot_notice")


@dataclass(frozen=True)
class Notice:
    """What EC2 is going to do.

    Attributes:
        action: `terminate`, `stop` or `hibernate`.
        end: When, in seconds since 1970.
    """

    action: str
    end: float


def read_notice(text: str) -> Notice:
    """The notice that the metadata hold.

    Raises:
        ValueError: they hold something else.
    """
    try:
        found = json.loads(text)
        end = datetime.fromisoformat(found["time"].removesuffix("Z")).replace(tzinfo=timezone.utc)
        return Notice(str(found["action"]), end.timestamp())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"a notice must hold an action and a time, but got {text[:80]!r}") from None


class Metadata:
    """EC2's instance metadata service, version 2, asked without any proxy.

    Attributes:
        endpoint: Where it is.
        is_there: Whether such a service has ever answered; what other clouds have there refuses the token.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.is_there = endpoint, False

    def notice(self) -> Notice | None:
        """The notice; None if there is none.

        Raises:
            OSError, http.client.HTTPException, ValueError: the service does not say.
        """
        status, token = self._ask("PUT", TOKEN, {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        self.is_there |= status in (200, 429) or status >= 500
        if status == 200:
            status, text = self._ask("GET", ACTION, {"X-aws-ec2-metadata-token": token})
            if status in (200, 404):
                return read_notice(text) if status == 200 else None
        raise ConnectionError(f"HTTP status {status}")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        place = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(place.netloc, timeout=ANSWER_S)
        try:
            connection.request(method, place.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@dataclass(frozen=True)
class Nodes:
    """Ray's on this machine, as its head knows them.

    Attributes:
        address: The head's; `auto` is the one that `ray start` was given here.
        ip: This machine's; None is the one that `ray start` takes.
        node_id: Of the one node that is meant, in hexadecimal; None is all but the head.
    """

    address: str = "auto"
    ip: str | None = None
    node_id: str | None = None

    def alive(self) -> dict[str, float]:
        """Node id to when it joined, in seconds since 1970.

        Raises:
            OSError, ray.exceptions.RayError: Ray does not say.
        """
        address = services.canonicalize_bootstrap_address_or_die(self.address)
        here = GetAllNodeInfoRequest.NodeSelector(node_ip_address=self.ip or ray.util.get_node_ip_address(address))
        found = GcsClient(address=address).get_all_node_info(
            timeout=RAYS_ANSWER_S, node_selectors=[here], state_filter=GcsNodeInfo.GcsNodeState.ALIVE
        )
        nodes = {key.hex(): one.start_time_ms / 1000 for key, one in found.items() if not one.is_head_node}
        return {node: joined for node, joined in nodes.items() if self.node_id in (None, node)}

    def drain(self, node: str, notice: Notice) -> None:
        """Ray knows that the node is about to go.

        Raises:
            OSError, ray.exceptions.RayError: it does not.
        """
        client = GcsClient(address=services.canonicalize_bootstrap_address_or_die(self.address))
        why, end_ms = f"EC2 is going to {notice.action} this machine", int(notice.end * 1000)
        accepted, told = client.drain_node(node, DRAIN_NODE_REASON_PREEMPTION, why, end_ms, timeout=RAYS_ANSWER_S)
        if not accepted:
            raise ConnectionError(f"node {node} is not drained: {told}")


class Watch:
    """Looks for a notice, and passes it on to Ray.

    Args:
        metadata: Where it comes from.
        nodes: Whom it is about.

    Attributes:
        pause_s: Until the next poll.
    """

    def __init__(self, metadata: Metadata, nodes: Nodes) -> None:
        self._metadata, self._nodes, self.pause_s = metadata, nodes, float(POLL_S)
        self._notice: Notice | None = None
        self._told: dict[str, Notice] = {}
        self._failed = 0
        self._said: dict[str, str] = {}
        self._looked_at, self._seen_at = -math.inf, time.monotonic()

    def goes_on(self) -> bool:
        """Whether there is anything left to watch for, after one poll."""
        self.pause_s = POLL_S
        self._read()
        is_time = self._notice is not None or time.monotonic() - self._looked_at > LOOK_EVERY_S
        if self._metadata.is_there and is_time:
            self._look()
        if self._failed >= ABSENT_AFTER and not self._metadata.is_there:
            self._say("end", f"no EC2 instance has its metadata at {self._metadata.endpoint}: nothing to watch for")
        elif self.is_deserted:
            self._say("end", f"Ray has had no node on this machine for {GONE_S} s: nothing to watch for")
        return "end" not in self._said

    @property
    def is_deserted(self) -> bool:
        """Whether Ray has had no node on this machine of EC2's for long."""
        return self._metadata.is_there and time.monotonic() - self._seen_at > GONE_S

    def _read(self) -> None:
        try:
            notice = self._metadata.notice()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._failed += 1
            self._say("metadata", f"the instance's metadata cannot be read: {error}")
            return
        self._say("metadata", "")
        if notice is not None:
            self._notice = notice
            end = datetime.fromtimestamp(notice.end, timezone.utc)
            self._say("notice", f"EC2 is going to {notice.action} this machine at {end:%Y-%m-%dT%H:%M:%SZ}")

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        try:
            nodes = self._nodes.alive()
            for node, joined in nodes.items():
                self._pass_on(node, joined)
        except (OSError, ray.exceptions.RayError) as error:
            self._say("ray", f"Ray does not answer, and is asked again: {str(error).partition(chr(10))[0]}")
            return
        self._say("ray", "")
        if nodes:
            self._seen_at = self._looked_at

    def _pass_on(self, node: str, joined: float) -> None:
        if self._notice is None or self._told.get(node) == self._notice:
            return
        if (settles_in := joined + SETTLED_S - time.time()) > 0:
            self._say("wait", f"node {node} joined less than {SETTLED_S} s ago, and is drained in a moment")
            self.pause_s = min(self.pause_s, settles_in)
            return
        self._nodes.drain(node, self._notice)
        self._told[node] = self._notice
        self._say("drain", f"node {node} gets no new work")

    def _say(self, about: str, text: str) -> None:
        """The text is a line of standard output, once; the next one about the same is another event."""
        if text and self._said.get(about) != text:
            log.info(text)
        self._said[about] = text


def main() -> None:
    """Watches as long as there is anything to watch for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="auto", help="of Ray's head, as for `ray start`")
    parser.add_argument("--node-ip", help="this machine's, if `ray start` was given one")
    parser.add_argument("--node-id", help="of one node, if there are several on this machine")
    parser.add_argument("--if-deserted", metavar="COMMAND", help="what the shell runs once Ray has left this machine")
    told = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s spot_notice: %(message)s")
    maybe_enable_token_auth_if_token_available(warn_if_disabled=False)  # as `ray.init` does
    metadata = Metadata(os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or ENDPOINT)
    watch = Watch(metadata, Nodes(told.address, told.node_ip, told.node_id))
    while watch.goes_on():
        time.sleep(watch.pause_s)
    if told.if_deserted and watch.is_deserted:
        log.info(f"now runs: {told.if_deserted}")
        subprocess.run(told.if_deserted, shell=True, check=False)  # noqa: S602  # whoever starts this may run anything


if __name__ == "__main__":
    main()
