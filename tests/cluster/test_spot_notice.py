"""What the watcher makes of EC2's metadata; `tests/faults/test_notice.py` has Ray's side."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.cluster.metadata_service import MetadataService, serving
from tuner.cluster import spot_notice
from tuner.cluster.spot_notice import Metadata, Nodes, Notice, Watch, read_notice

NOTICE = '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}'


@pytest.fixture
def service() -> Iterator[MetadataService]:
    with serving() as made:
        yield made


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "spot_notice")
    return caplog


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (NOTICE, Notice("terminate", 1767225600)),
        ('{"action": "stop", "time": "2026-01-01T00:02:00Z"}', Notice("stop", 1767225720)),
        ('{"time": "2026-01-01T00:00:00Z", "action": "hibernate", "more": 1}', Notice("hibernate", 1767225600)),
    ],
)
def test_a_notice_is_an_action_and_a_time(text: str, notice: Notice) -> None:
    assert read_notice(text) == notice


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "[]", "null", '"x"', '{"action": "stop"}', '{"time": "soon"}', '{"action": "stop", "time": 1}'],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a notice must hold an action and a time, but got "):
        read_notice(text)


def test_it_is_asked_for_with_a_token_and_past_any_proxy(
    service: MetadataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    metadata = Metadata(f"{service.endpoint}/")
    assert metadata.notice() is None
    service.action = NOTICE
    assert metadata.notice() == Notice("terminate", 1767225600)
    assert service.asked == ["PUT /latest/api/token", "GET /latest/meta-data/spot/instance-action"] * 2


@pytest.mark.parametrize(("status", "is_there"), [(404, False), (403, False), (429, True), (503, True)])
def test_other_answers_say_nothing_of_a_notice(service: MetadataService, status: int, is_there: bool) -> None:
    service.status, metadata = status, Metadata(service.endpoint)
    with pytest.raises(ConnectionError, match=f"HTTP status {status}"):
        metadata.notice()
    assert metadata.is_there == is_there


def test_a_machine_that_is_not_of_ec2_is_not_watched(said: pytest.LogCaptureFixture) -> None:
    watch = Watch(Metadata("http://127.0.0.1:1"), Nodes("127.0.0.1:1"))
    assert [watch.goes_on() for _ in range(5)] == [True] * 4 + [False]
    assert said.messages == [
        "the instance's metadata cannot be read: [Errno 111] Connection refused",
        "no EC2 instance has its metadata at http://127.0.0.1:1: nothing to watch for",
    ]


def test_an_error_of_the_service_ends_nothing_and_is_said_once(
    service: MetadataService, said: pytest.LogCaptureFixture, ray_session: None
) -> None:
    watch = Watch(Metadata(service.endpoint), Nodes(ray.get_runtime_context().gcs_address))
    for status in (503, None, 503, 503):
        service.status = status
        assert all(watch.goes_on() for _ in range(6))
    service.status, service.action = None, "?"
    assert all(watch.goes_on() for _ in range(6))
    told = "the instance's metadata cannot be read: "
    assert said.messages == [
        *[f"{told}HTTP status 503"] * 2,
        f"{told}a notice must hold an action and a time, but got '?'",
    ]


def test_the_head_is_left_alone_and_without_a_node_there_is_an_end(
    service: MetadataService,
    said: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    ray_session: None,
) -> None:
    service.action = NOTICE
    watch = Watch(Metadata(service.endpoint), Nodes(ray.get_runtime_context().gcs_address))
    assert watch.goes_on()
    monkeypatch.setattr(spot_notice, "GONE_S", 0)
    assert not watch.goes_on()
    assert said.messages == [
        "EC2 is going to terminate this machine at 2026-01-01T00:00:00Z",
        "Ray has had no node on this machine for 0 s: nothing to watch for",
    ]
    assert all(node["Alive"] for node in ray.nodes())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_machine_that_ray_has_left_ends_itself_if_it_is_of_ec2(
    service: MetadataService, is_there: bool, tmp_path: Path, ray_session: None
) -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(spot_notice.__file__).parent)!r}); import spot_notice as it"
    code = f"{code}; it.GONE_S, it.POLL_S, it.ABSENT_AFTER = 0, 0.01, 2; it.main()"
    options = ("--address", ray.get_runtime_context().gcs_address, "--if-deserted", "touch ended")
    endpoint = service.endpoint if is_there else "http://127.0.0.1:1"
    environment = {**os.environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint}
    subprocess.run([sys.executable, "-c", code, *options], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert (tmp_path / "ended").exists() == is_there
