"""All checks together, as the command makes them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.stack import ROOT, Edited, lines
from tuner import doctor
from tuner.cluster.examine import examine
from tuner.command import execute

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(
    aws: str,
    quota: Callable[[float], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs the command where all is well; its exit code, its lines, and what it says went wrong."""
    quota(64.0)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    (tmp_path / ".ray" / "auth_token").chmod(0o600)

    def start(*changes: tuple[str, str]) -> tuple[int, list[str], str]:
        text = (ROOT / "cluster.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "c.yaml").write_text(text)
        code = execute("doctor", doctor.main, ["--cluster", str(tmp_path / "c.yaml")])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return start


def test_nothing_stands_in_the_way_of_a_cluster_that_is_right(run: Run, tmp_path: Path) -> None:
    code, said, wrong = run()
    assert (code, wrong) == (0, "")
    assert said[-1] == f"nothing stands in the way of: ray up {tmp_path}/c.yaml"
    assert not [line for line in said if line.startswith("problem")]
    about = ["what Ray", "files to copy", "token", "ray 2", "AWS account", "zones", "spot: g5", "spot: 4", "image"]
    for word in (*about, "profile", "firewall", "stack", "quota", "bucket", "storage"):
        assert any(word in line for line in said), word


def test_every_problem_is_a_line_and_the_first_is_the_error(run: Run) -> None:
    code, said, wrong = run(("g5.xlarge", "g5.xlrge"), ("s3://my-bucket", "s3://no-bucket"))
    problems = [line.removeprefix("problem").strip() for line in said if line.startswith("problem")]
    assert code == 2
    assert len(problems) == 5
    assert wrong == f"error: {problems[0]}\n"
    assert "nothing stands" not in said[-1]


def test_a_file_that_is_wrong_is_one_sentence(run: Run) -> None:
    code, said, wrong = run(("max_workers: 8", "max_workers: many"))
    assert (code, said) == (2, [])
    assert re.fullmatch(r"error: .*/c.yaml:15: max_workers must be a whole number, but got 'many'\n", wrong)


def test_without_credentials_the_account_is_not_looked_at(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, said, wrong = run()
    assert code == 2
    assert wrong.startswith("error: there are no AWS credentials here; ")
    assert said[-1] == "note     nothing in the account was looked at, nor the storage"


def test_what_may_not_be_looked_at_is_skipped(
    aws: str, edited: Edited, answering: Callable[[int, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", answering(403, body))
    found = lines(examine(edited()))
    skipped = [line for line in found if "not looked at" in line]
    assert skipped[0] == ("note: zones: not looked at, since these credentials may not DescribeAvailabilityZones")
    assert len(skipped) == 7
    assert not [
        line for line in found if line.startswith("problem") and "file_mounts" not in line and "token" not in line
    ]


def test_a_service_that_does_not_answer_is_a_problem(aws: str, edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")
    found = lines(examine(edited()))
    assert any(line.startswith("problem: AWS is not reached in us-east-1 (Could not connect") for line in found)


def test_of_another_provider_only_what_is_known_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"cluster_name: a\nmetadata: {{storage: 'file://{tmp_path}'}}\nprovider: {{type: gcp}}\n"
    )
    from tuner.cluster.file import read_cluster

    found = lines(examine(read_cluster(tmp_path / "c.yaml")))
    assert f"note: {tmp_path}/c.yaml:3: provider.type is gcp, of which nothing else is known here" in found
    assert f"ok: storage: file://{tmp_path}" in found
