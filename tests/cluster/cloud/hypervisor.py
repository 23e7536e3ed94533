"""Gives every live instance a box, and takes the box of one that lives no more."""

import os
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import RLock, Thread, Timer
from time import sleep
from typing import Any

from moto.ec2.models.instances import Instance

from tests.cluster.cloud import api
from tests.cluster.cloud.box import Box, Machine
from tests.cluster.cloud.network import GATEWAY

POLL_S = 0.2
LIVE = ("pending", "running")


@dataclass
class Hypervisor:
    """The boxes of a region.

    Attributes:
        region: Its name.
        folder: Where logs go.
        boxes: Instance id to the box that it has, or had until it broke.
        notices: Instance id to when it will be interrupted.
    """

    region: str
    folder: Path
    boxes: dict[str, Box] = field(default_factory=dict)
    notices: dict[str, datetime] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def start(self) -> None:
        """It tends its boxes from now on."""
        (self.folder / "mount").mkdir()
        Thread(target=self._tend_for_ever, daemon=True).start()

    def tend(self) -> None:
        """Every live instance, and no other, has a box."""
        with self.lock:
            live = {instance.id: instance for instance in api.instances(self.region) if instance.state in LIVE}
            for gone in self.boxes.keys() - live.keys():
                self.boxes.pop(gone).kill()
            for new in live.keys() - self.boxes.keys():
                self.boxes[new] = Box(self._machine(live[new]), self.folder)

    def kill(self, instance_id: str) -> None:
        """The box is dead, and EC2 says so."""
        with self.lock:
            api.end(self._one(instance_id))
            self.tend()

    def give_notice(self, instance_id: str, seconds: float) -> None:
        """The instance can know that it will be killed in so many seconds, and is."""
        self._one(instance_id)
        self.notices[instance_id] = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        timer = Timer(seconds, self._interrupt, [instance_id])
        timer.daemon = True
        timer.start()

    def at(self, address: str) -> Instance | None:
        """The live instance with this private address."""
        found = (one for one in api.instances(self.region) if one.state in LIVE and one.private_ip == address)
        return next(found, None)

    def told(self) -> list[dict[str, Any]]:
        """What is known of every instance, as values of JSON."""
        return [
            {
                "id": instance.id,
                "type": instance.instance_type,
                "market": instance.lifecycle or "on-demand",
                "image": instance.image_id,
                "private_ip": instance.private_ip,
                "public_ip": instance.public_ip,
                "state": instance.state,
                "tags": {tag["key"]: tag["value"] for tag in instance.get_tags()},
            }
            for instance in api.instances(self.region)
        ]

    def running(self) -> list[str]:
        """The instances whose boxes run."""
        with self.lock:
            return [name for name, box in self.boxes.items() if box.runs]

    def _interrupt(self, instance_id: str) -> None:
        with self.lock:
            if self._one(instance_id).state in LIVE:
                self.kill(instance_id)

    def _one(self, instance_id: str) -> Instance:
        return next(instance for instance in api.instances(self.region) if instance.id == instance_id)

    def _machine(self, instance: Instance) -> Machine:
        environment = {"AWS_ENDPOINT_URL": f"http://{GATEWAY}:{api.PORT}", "AWS_DEFAULT_REGION": self.region}
        host, key = instance.private_dns_name, api.public_key(instance)
        return Machine(instance.id, str(instance.private_ip), instance.public_ip, host, key, environment)

    def _tend_for_ever(self) -> None:
        try:
            while True:
                self.tend()
                sleep(POLL_S)
        finally:  # the end of a thread would not be noticed
            traceback.print_exc()
            os._exit(1)
