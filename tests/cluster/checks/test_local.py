from importlib import metadata
from pathlib import Path

import pytest

from tests.cluster.stack import Edited, lines
from tuner.cluster.checks.local import file_mounts, read_pins, token, versions
from tuner.cluster.file import ClusterFile
from tuner.errors import InputError

WATCH = "watch: tuner/cluster"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a token as it should be."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".ray").mkdir()
    path = tmp_path / ".ray" / "auth_token"
    path.write_text("secret")
    path.chmod(0o600)
    return tmp_path


def cluster_in(edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pins: str) -> ClusterFile:
    (tmp_path / "pins.txt").write_text(pins)
    return edited(("requirements: cluster/requirements.txt", f"requirements: {tmp_path}/pins.txt"))


def test_all_that_is_copied_is_here(home: Path, edited: Edited) -> None:
    assert lines(file_mounts(edited())) == ["ok: files to copy: 3, all here"]


def test_what_is_not_here_is_named_with_its_line(home: Path, edited: Edited) -> None:
    cluster = edited((WATCH, "watch: no/such"))
    written = cluster.path.read_text()
    number = written[: written.index("no/such")].count("\n") + 1
    (line,) = lines(file_mounts(cluster))
    assert line.endswith("/watch is to be copied from no/such, not here; make it, or take the line out")
    assert line.startswith(f"problem: {cluster.path}:{number}: file_mounts./home/ubuntu/")


@pytest.mark.parametrize("name", ["a\\0b", "~nobody-here/x", "x" * 999, "é ü", "../../..//etc/none"])
def test_a_name_that_no_file_has_is_said(home: Path, edited: Edited, name: str) -> None:
    cluster = edited((WATCH, f'watch: "{name}"'), ("requirements: cluster/req", f'requirements: "{name}"  #'))
    (line,) = lines(file_mounts(cluster))
    assert line.startswith("problem: ")
    (line,) = lines(versions(cluster))
    assert line.startswith("problem: ")


def test_the_folder_to_start_it_from_is_named(home: Path, edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = edited()
    (cluster.path.parent / "cluster").mkdir()
    (cluster.path.parent / "elsewhere").mkdir()
    monkeypatch.chdir(cluster.path.parent / "elsewhere")
    found = lines(file_mounts(cluster))
    assert len(found) == 2
    assert found[0].endswith(f"from cluster, not here; run it in {cluster.path.parent}")


def test_a_token_that_only_its_owner_reads_is_right(home: Path, edited: Edited) -> None:
    assert lines(token(edited())) == [f"ok: token: {home}/.ray/auth_token"]


def test_a_token_that_is_missing_empty_or_open_is_said(home: Path, edited: Edited) -> None:
    path = home / ".ray" / "auth_token"
    path.chmod(0o644)
    assert lines(token(edited())) == [
        f"problem: Ray's token file {path} is open to others than its owner; chmod 600 {path}"
    ]
    path.chmod(0o600)
    path.write_text("\n")
    cure = "make one: ray get-auth-token --generate, then chmod 600 ~/.ray/auth_token"
    assert lines(token(edited())) == [f"problem: Ray's token file {path} is empty; {cure}"]
    path.unlink()
    said = f"problem: Ray's token file {path} cannot be read (No such file or directory); {cure}"
    assert lines(token(edited())) == [said]
    path.mkdir()
    assert lines(token(edited())) == [f"problem: Ray's token file {path} cannot be read (Is a directory); {cure}"]


def test_the_nodes_get_the_token_that_is_used_here(home: Path, edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    other = home / "other"
    other.write_text("another")
    other.chmod(0o600)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(other))
    (line,) = lines(token(edited()))
    assert (
        line
        == f"problem: the nodes get the token in {home}/.ray/auth_token, but here Ray takes that in {other}; use one"
    )
    (line,) = lines(token(edited(("/home/ubuntu/.ray/auth_token:", "/home/ubuntu/else:"))))
    assert line.endswith(f"file_mounts gives the nodes no token; add ~/.ray/auth_token: {other}")


def test_a_token_in_the_environment_is_the_nodes(home: Path, edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", " secret\n")
    assert lines(token(edited())) == [f"ok: token: {home}/.ray/auth_token"]
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    said = f"RAY_AUTH_TOKEN holds another token than {home}/.ray/auth_token, which the nodes get; unset it"
    assert lines(token(edited())) == [f"problem: {said}"]


def test_the_same_ray_here_and_there(edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = metadata.version("ray")
    cluster = cluster_in(edited, tmp_path, monkeypatch, f"ray[default,tune]=={here}\n")
    assert lines(versions(cluster)) == [f"ok: ray {here}, here and on the cluster"]


def test_another_ray_is_a_problem_and_another_pandas_is_not(
    edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, pandas = metadata.version("ray"), metadata.version("pandas")
    pins = f"# pins\nray==2.1.0  # old\npandas==1.2.3 \\\n    --hash=sha256:0\nnumpy=={metadata.version('numpy')}\n"
    first, second = lines(versions(cluster_in(edited, tmp_path, monkeypatch, pins)))
    assert first == (
        f"problem: the cluster installs ray 2.1.0, but here is {here}, and Ray takes no other of its own; "
        f"pip install 'ray[default,tune]==2.1.0', or change {tmp_path}/pins.txt"
    )
    assert second.startswith("note: other packages differ")
    assert second.endswith(f": pandas 1.2.3 there and {pandas} here")


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ("numpy==2\n", "problem: the cluster pins no ray, but here is "),
        ("ray==2\n!!\n", "problem: .*/pins.txt:2: '!!' is not a requirement such as ray==2.60.0"),
        ("ray>=2\n", "problem: the cluster pins no ray, but here is "),
    ],
)
def test_a_file_of_pins_that_says_nothing_of_ray(
    edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pins: str, said: str
) -> None:
    import re

    first, *_ = lines(versions(cluster_in(edited, tmp_path, monkeypatch, pins)))
    assert re.match(said, first)


def test_pins_that_are_not_there(edited: Edited, tmp_path: Path) -> None:
    (line,) = lines(versions(edited(("requirements: cluster/requirements.txt", "requirements: no/such.txt"))))
    assert line == "problem: no/such.txt cannot be read: No such file or directory"
    (line,) = lines(versions(edited(("  requirements: cluster/requirements.txt\n", ""))))
    assert line.endswith("metadata.requirements is not given, so that versions cannot be compared")
    with pytest.raises(InputError, match=r"cannot be read"):
        read_pins(tmp_path)
