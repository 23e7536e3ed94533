"""Jobs of a real Ray head on this machine, which asks for a token."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.relay import Relay, free_port
from tuner.cluster.following import check_end, followed
from tuner.cluster.jobs import Job, Jobs
from tuner.errors import InputError, Interrupted, TunerError

TOKEN = "0123456789abcdef0123456789abcdef"
STARTED_S = 60


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of the dashboard of a Ray head with one CPU."""
    home, found = tmp_path_factory.mktemp("home"), free_port()
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(TOKEN)
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1", "--port=0"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={found}", f"--ray-client-server-port={free_port()}"),
        *("--dashboard-agent-listen-port=0", "--disable-usage-stats"),
    ]
    environment = {**os.environ, "HOME": str(home), "RAY_AUTH_MODE": "token", "RAY_enable_open_telemetry": "0"}
    with (home / "said").open("wb") as said:
        head = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
    deadline = time.monotonic() + STARTED_S
    try:
        while True:
            try:
                Jobs(f"http://127.0.0.1:{found}", TOKEN)
                break
            except InputError:
                assert head.poll() is None, (home / "said").read_text()
                assert time.monotonic() < deadline, (home / "said").read_text()
                time.sleep(0.3)
        yield found
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(30)


@pytest.fixture
def jobs(port: int) -> Jobs:
    return Jobs(f"http://127.0.0.1:{port}", TOKEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greeting").write_text("hello from the folder\n")
    return tmp_path


def test_a_job_is_followed_through_lost_connections_and_ends_here_as_there(port: int, folder: Path) -> None:
    with Relay(port) as relay:
        jobs, said, cuts = Jobs(f"http://127.0.0.1:{relay.port}", TOKEN), list[str](), 0
        command = "cat greeting; for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.5; done; exit 2"
        begun = jobs.submit("g/n", command, folder, "tuner submit")

        def write(text: str) -> None:
            nonlocal cuts
            said.append(text)
            if "line" in text and cuts < 2:
                cuts += 1
                relay.cut()

        ended = followed(jobs, begun.name, relay.open, write)
    lines = [line for line in "".join(said).splitlines() if line.startswith(("line", "hello"))]
    assert cuts == 2
    assert lines == ["hello from the folder", *(f"line {number}" for number in range(1, 9))]
    assert (ended.name, ended.experiment, ended.status, ended.exit_code) == ("g~n~1", "g/n", "FAILED", 2)
    assert Jobs(f"http://127.0.0.1:{port}", TOKEN).last_of("g/n") == ended
    again = list[str]()
    assert followed(Jobs(f"http://127.0.0.1:{port}", TOKEN), begun.name, lambda: None, again.append) == ended
    assert "".join(again) == "".join(said)


def test_a_job_is_told_to_end_in_order_and_no_second_one_runs_beside_it(jobs: Jobs, folder: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGINT, lambda *_: exit(130)); print('ready'); time.sleep(60)"
    begun, said = jobs.submit("g/long", f'python -c "{code}"', folder, "tuner submit -g g"), list[str]()
    with pytest.raises(InputError, match=r"^g~long~1 runs on the cluster already"):
        jobs.submit("g/long", "true", folder, "")
    for text in jobs.output(begun.name):
        if "ready" in text:
            break
    jobs.stop(begun.name)
    ended = followed(jobs, begun.name, lambda: None, said.append)
    with pytest.raises(Interrupted, match=r"^g~long~1 was stopped; go on with: tuner submit -g g --resume$"):
        check_end(ended)
    assert "ready" in "".join(said)
    with pytest.raises(InputError, match=r"^the cluster has no job of g/other, but of: .*g/long"):
        jobs.last_of("g/other")


@pytest.mark.parametrize(
    ("status", "code", "error", "told"),
    [
        ("FAILED", 1, TunerError, "g-n-1 failed, as it says above"),
        ("FAILED", None, TunerError, "g-n-1 failed: it broke; go on with: again --resume"),
        ("FAILED", 2, InputError, "g-n-1 was refused, as it says above"),
        ("FAILED", 130, Interrupted, "g-n-1 was stopped"),
        ("STOPPED", None, Interrupted, "g-n-1 was stopped; go on with: again --resume"),
    ],
)
def test_a_job_that_has_not_done_its_work_ends_the_command_as_it_ended(
    status: str, code: int | None, error: type[TunerError], told: str
) -> None:
    with pytest.raises(error, match=f"^{told}$") as raised:
        check_end(Job("g-n-1", "g/n", "again", status, "it broke", code))
    assert raised.type is error


def test_a_job_that_has_done_its_work_is_no_error() -> None:
    check_end(Job("g-n-1", "g/n", "again", "SUCCEEDED", "", 0))


def test_a_wrong_token_and_a_wrong_address_are_told_apart(port: int) -> None:
    with pytest.raises(InputError, match=r"does not take this machine's token: it was started with another one$"):
        Jobs(f"http://127.0.0.1:{port}", "another")
    with pytest.raises(
        InputError, match=r"^there is no Ray cluster at http://127.0.0.1:1 \(.*\); start one with ray up$"
    ):
        Jobs("http://127.0.0.1:1", TOKEN)
