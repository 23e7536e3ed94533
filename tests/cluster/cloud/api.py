"""moto's server, made to refuse and to launch as EC2 does, and what we want to know of its instances."""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import mock
from xml.sax.saxutils import escape

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend, Reservation, StateReason
from moto.ec2.responses.instances import InstanceResponse
from moto.server import ThreadedMotoServer
from moto.ssm.models import Parameter, ssm_backends
from werkzeug.exceptions import HTTPException

ACCOUNT = "123456789012"
PORT = 5000
FAMILIES = ("t3", "m5", "m7i", "m6i", "c5", "g4dn", "g5", "g6", "p4d", "p5")
"""Of instance types that DescribeInstanceTypes tells of; Ray asks for all, and moto needs 3 s for its 1395."""
PARAMETERS = {
    "/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-24.04/latest/ami-id": ("ami-0d1e2a3b4c5d6e7f8"),
    "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id": "ami-0a1b2c3d4e5f60718",
}
"""Of AWS, in the Systems Manager, to the images in `images.json`."""
NO_CAPACITY = {
    "spot": "There is no Spot capacity available that matches your request.",
    "on-demand": "We currently do not have sufficient {type} capacity in the Availability Zone you requested ({zone}).",
}

exhausted = set[tuple[str, str]]()
"""Market and instance type of which there is none to be had."""
_Function = TypeVar("_Function", bound=Callable[..., Any])


class InsufficientInstanceCapacity(HTTPException):
    """EC2 has no such machine: its own fault, therefore 500."""

    code = 500

    def __init__(self, message: str) -> None:
        error = f"<Error><Code>InsufficientInstanceCapacity</Code><Message>{escape(message)}</Message></Error>"
        super().__init__(f"<Response><Errors>{error}</Errors><RequestID>none</RequestID></Response>")


def serve(region: str) -> ThreadedMotoServer:
    """The API answers at all our addresses."""
    backend_launch, launch = InstanceBackend.run_instances, InstanceResponse.run_instances
    addresses = _public_addresses()
    _replace("moto.ec2.models.elastic_network_interfaces.random_public_ip", lambda: next(addresses))
    _replace("moto.ec2.utils.random_public_ip", lambda: next(addresses))
    mock.patch.object(InstanceResponse, "run_instances", _as_many_as_possible(launch)).start()
    mock.patch.object(InstanceBackend, "run_instances", _as_ec2_does(backend_launch)).start()
    for name in [name for name in INSTANCE_TYPES if name.partition(".")[0] not in FAMILIES]:
        del INSTANCE_TYPES[name]
    _know_parameters(region)
    server = ThreadedMotoServer("0.0.0.0", PORT, verbose=False)
    server.start()
    return server


def instances(region: str) -> list[Instance]:
    """All of the region, also those that are no more."""
    return [instance for held in list(_backend(region).reservations.values()) for instance in list(held.instances)]


def public_key(instance: Instance) -> str:
    """Of the instance's key pair, in OpenSSH's format; empty without one."""
    pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    return pair.public_key.strip() if pair else ""


def role_of(instance: Instance) -> str | None:
    """The ARN of the role in the instance's profile."""
    associations = instance.ec2_backend.iam_instance_profile_associations
    association = associations.get(instance.id)
    roles = association.iam_instance_profile.roles if association else []
    return str(roles[0].arn) if roles else None


def end(instance: Instance) -> None:
    """It is terminated, by EC2 and not by a user."""
    instance.terminate()
    code = "Server.SpotInstanceTermination" if instance.lifecycle == "spot" else "Server.InternalError"
    instance.state_reason = StateReason(f"{code}: {code.partition('.')[2]}", code)
    instance._reason = f"{code} ({utcnow():%Y-%m-%d %H:%M:%S} UTC)"


def _backend(region: str) -> EC2Backend:
    return ec2_backends[ACCOUNT][region]


def _public_addresses() -> Iterator[str]:
    """Of TEST-NET-2; those that moto makes up belong to somebody."""
    return (f"198.51.100.{last}" for last in itertools.cycle(range(1, 254)))


def _replace(name: str, function: Callable[..., Any]) -> None:
    mock.patch(name, function).start()


def _know_parameters(region: str) -> None:
    known = ssm_backends[ACCOUNT][region]._parameters
    for name, image in PARAMETERS.items():
        values = (ACCOUNT, name, image, "String", None, None, None, utcnow(), 1, "aws:ec2:image")
        known[name] = [Parameter(*values)]  # type: ignore[abstract]  # moto does so too


def _as_many_as_possible(original: _Function) -> Callable[[InstanceResponse], Any]:
    """RunInstances launches `MaxCount`; moto's does `MinCount`."""

    def run_instances(self: InstanceResponse) -> Any:
        self.params["MinCount"] = self.params.get("MaxCount", 1)
        return original(self)

    return run_instances


def _as_ec2_does(original: _Function) -> Callable[..., Reservation]:
    """RunInstances resolves the image, may have no capacity, and all instances have the profile."""

    def run_instances(self: Any, image_id: str, count: int, *others: Any, **settings: Any) -> Reservation:
        market = settings.get("instance_market_options") or "on-demand"
        image_id = _resolved(image_id, self.region_name)
        if not settings.get("subnet_id") and not settings.get("nics"):
            settings["subnet_id"] = min(subnet.id for subnet in self.get_default_subnets().values())
        if (market, settings["instance_type"]) in exhausted:
            told = {"type": settings["instance_type"], "zone": f"{self.region_name}a"}
            raise InsufficientInstanceCapacity(NO_CAPACITY[market].format(**told))
        reservation: Reservation = original(self, image_id, count, *others, **settings)
        profile = {key: value for key, value in settings.items() if key.startswith("iam_instance_profile_") and value}
        for instance in reservation.instances[1:] if profile else []:
            self.associate_iam_instance_profile(instance_id=instance.id, **profile)
        for instance in reservation.instances if market == "spot" else []:
            instance.spot_instance_request_id = f"sir-{random.getrandbits(32):08x}"  # type: ignore[attr-defined]
        return reservation

    return run_instances


def _resolved(image: str, region: str) -> str:
    scheme, found, name = image.partition("resolve:ssm:")
    if scheme or not found:
        return image
    parameter = ssm_backends[ACCOUNT][region].get_parameter(name)
    if parameter is None:
        raise EC2ClientError("InvalidParameterValue", f"Invalid value '{image}' for ImageId. The parameter is unknown.")
    return parameter.value
