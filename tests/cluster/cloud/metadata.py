"""The instance metadata service, version 2: a box asks 169.254.169.254, and is known by its address."""

import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from moto.ec2.models.instances import Instance
from moto.sts.models import sts_backends

from tests.cluster.cloud import api
from tests.cluster.cloud.network import METADATA

TOKEN = "X-aws-ec2-metadata-token"
LIFETIME = "X-aws-ec2-metadata-token-ttl-seconds"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
CREDENTIALS = "meta-data/iam/security-credentials/"
Answer = Callable[[Instance], str | None]


def serve(asker: Callable[[str], Instance | None], notice: Callable[[str], datetime | None]) -> None:
    """Boxes are answered.

    Args:
        asker: Address to the live instance that has it.
        notice: Instance id to when it will be interrupted, None without a notice.
    """
    answers = {**ANSWERS, "meta-data/spot/instance-action": lambda instance: _action(notice(instance.id))}
    tokens = set[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            if self.path != "/latest/api/token" or LIFETIME not in self.headers:
                return self._say(400)
            tokens.add(token := secrets.token_urlsafe())
            return self._say(200, token)

        def do_GET(self) -> None:
            instance = asker(self.client_address[0])
            if self.headers.get(TOKEN) not in tokens:
                return self._say(401)
            answer = _answer(answers, self.path, instance) if instance else None
            return self._say(404) if answer is None else self._say(200, answer)

        def _say(self, status: int, text: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    Thread(target=ThreadingHTTPServer((METADATA, 80), Handler).serve_forever, daemon=True).start()


def _answer(answers: dict[str, Answer], path: str, instance: Instance) -> str | None:
    path = path.removeprefix("/latest/")
    role = (api.role_of(instance) or "").rpartition("/")[2]
    if role and path in (CREDENTIALS, CREDENTIALS.rstrip("/")):
        return role
    if role and path == CREDENTIALS + role:
        return _credentials(instance)
    return answers[path](instance) if path in answers else None


def _credentials(instance: Instance) -> str:
    """Real ones of moto's STS, so that moto knows who calls."""
    arn = api.role_of(instance)
    assumed = sts_backends[api.ACCOUNT]["aws"].assume_role(
        instance.region_name, instance.id, str(arn), policy="", duration=6 * 3600, external_id=""
    )
    told = {
        "Code": "Success",
        "LastUpdated": _stamp(datetime.now(timezone.utc)),
        "Type": "AWS-HMAC",
        "AccessKeyId": assumed.access_key_id,
        "SecretAccessKey": assumed.secret_access_key,
        "Token": assumed.session_token,
        "Expiration": _stamp(datetime.now(timezone.utc) + timedelta(hours=6)),
    }
    return json.dumps(told)


def _action(when: datetime | None) -> str | None:
    return None if when is None else json.dumps({"action": "terminate", "time": _stamp(when)})


def _document(instance: Instance) -> str:
    told = {
        "accountId": api.ACCOUNT,
        "architecture": instance.architecture,
        "availabilityZone": instance.availability_zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": instance.private_ip,
        "region": instance.region_name,
        "version": "2017-09-30",
    }
    return json.dumps(told)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime(STAMP)


ANSWERS: dict[str, Answer] = {
    "meta-data/ami-id": lambda instance: instance.image_id,
    "meta-data/instance-id": lambda instance: instance.id,
    "meta-data/instance-life-cycle": lambda instance: instance.lifecycle or "on-demand",
    "meta-data/instance-type": lambda instance: instance.instance_type,
    "meta-data/local-hostname": lambda instance: instance.private_dns_name,
    "meta-data/local-ipv4": lambda instance: instance.private_ip,
    "meta-data/placement/availability-zone": lambda instance: instance.availability_zone,
    "meta-data/placement/region": lambda instance: instance.region_name,
    "meta-data/public-ipv4": lambda instance: instance.public_ip,
    "dynamic/instance-identity/document": _document,
}
