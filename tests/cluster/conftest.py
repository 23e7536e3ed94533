"""An AWS account that holds what cluster/aws.yaml makes, and cluster files for it."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest

from tests.cluster.stack import REGION, ROOT, Answering, Edited, deploy, environment
from tuner.cluster.account import Account
from tuner.cluster.file import ClusterFile, read_cluster


@pytest.fixture
def answering() -> Iterator[Callable[[int, str], str]]:
    """Starts a service that gives one answer to everything; its address."""
    servers: list[HTTPServer] = []

    def start(status: int, body: str) -> str:
        handler = type("One", (Answering,), {"status": status, "body": body.encode()})
        servers.append(HTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def aws_address() -> Iterator[str]:
    """Where an AWS answers that holds the stack of cluster/aws.yaml."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with environment(f"http://{host}:{port}"):
        deploy()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def aws(aws_address: str) -> Iterator[str]:
    """The same, and boto3, Ray and pyarrow find it."""
    with environment(aws_address):
        yield aws_address


@pytest.fixture(scope="session")
def one_account() -> Account:
    """For all modules: boto3 takes a third of a second to learn what EC2 is."""
    return Account(REGION)


@pytest.fixture
def account(aws: str, one_account: Account) -> Account:
    """The account of the stack."""
    return one_account


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edited:
    """The cluster of cluster.yaml with some texts replaced."""
    monkeypatch.chdir(ROOT)

    def make(*changes: tuple[str, str]) -> ClusterFile:
        text = (ROOT / "cluster.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "cluster.yaml").write_text(text)
        return read_cluster(tmp_path / "cluster.yaml")

    return make


@pytest.fixture
def quota(answering: Callable[[int, str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets what AWS says every quota is."""

    def make(limit: float) -> None:
        address = answering(200, json.dumps({"Quota": {"Value": limit}}))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", address)

    return make
