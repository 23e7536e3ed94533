import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.cluster.file import ClusterFile, Mount, read_cluster
from tuner.cluster.node_types import Disk
from tuner.errors import InputError

ROOT = Path(__file__).parents[2]
LEAST = "cluster_name: a\nmetadata: {storage: 's3://b/c'}\n"
LOCAL = LEAST + "provider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2]}\n"
NODE = "resources: {CPU: 1}, node_config: {InstanceType: m7i.large}"
AWS = (
    LEAST + "provider: {type: aws, region: us-east-1}\nhead_node_type: h\navailable_node_types:\n  h: {" + NODE + "}\n"
)


def read(folder: Path, text: str | bytes) -> ClusterFile:
    (folder / "c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_cluster(folder / "c.yaml")


def test_the_clusters_file_says_what_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    cluster = read_cluster("cluster.yaml")
    assert (cluster.name, cluster.provider, cluster.region, cluster.max_workers) == ("tuner", "aws", "us-east-1", 8)
    assert cluster.zones[0] == "us-east-1a"
    assert len(cluster.zones) == 5
    assert cluster.storage == "s3://my-bucket/tuner"
    assert cluster.requirements == Path("cluster/requirements.txt")
    assert cluster.security_group == "tuner"
    assert Mount("/home/ubuntu/tuner-node/setup", Path("cluster")) in cluster.file_mounts
    assert (cluster.head_ip, cluster.worker_ips) == (None, ())


def test_its_nodes_are_what_their_anchors_make_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    head, on_demand, spot = read_cluster("cluster.yaml").node_types
    assert (head.name, head.is_head, head.max_workers, head.profile) == ("head", True, 1, "tuner-head")
    assert (on_demand.market, on_demand.max_workers, on_demand.is_head) == ("on-demand", 0, False)
    assert (spot.market, spot.max_workers, spot.profile) == ("spot", 8, "tuner-worker")
    assert spot.instance_type == on_demand.instance_type == "g5.xlarge"
    assert (spot.image, spot.disks) == (on_demand.image, (Disk("/dev/sda1", 125),))
    assert (dict(spot.resources), spot.labels["market"]) == ({"CPU": 4, "GPU": 1}, "spot")


def test_what_is_not_said_is_as_ray_has_it(tmp_path: Path) -> None:
    local = read(tmp_path, LOCAL)
    assert (local.max_workers, local.worker_ips, local.node_types) == (1, ("10.0.0.2",), ())
    assert (local.zones, local.requirements, local.security_group, local.file_mounts) == ((), None, None, ())
    aws = read(tmp_path, AWS + f"  w: {{{NODE}}}\n")
    assert (aws.max_workers, [kind.max_workers for kind in aws.node_types]) == (2, [1, 2])


def test_a_profile_may_be_named_by_its_arn(tmp_path: Path) -> None:
    arn = "IamInstanceProfile: {Arn: 'arn:aws:iam::1:instance-profile/mine'}"
    text = AWS.replace("InstanceType: m7i.large", f"InstanceType: m7i.large, {arn}")
    assert read(tmp_path, text).node_types[0].profile == "mine"


def test_a_word_is_what_ray_takes_it_for(tmp_path: Path) -> None:
    assert read(tmp_path, LOCAL + "file_mounts_sync_continuously: off\n").name == "a"


WRONG = {
    "": ":1: a cluster file is a mapping with the keys cluster_name, provider and others",
    "[a]": ":1: a cluster file is a mapping",
    "a: [": ":1: this is not YAML: ",
    "a: 1\na: 2": ":2: a stands twice; keep one",
    "a: 2026-99-99": ":1: Ray cannot read this: month must be in 1..12",
    "a:\n  <<: 3": ":2: Ray cannot read this: ",
    LOCAL + "on: 1": ":1: the file has the key true, which must be a word; put it in quotation marks",
    LOCAL + "setup_commands:\n  - {1: 2}": r":5: setup_commands\[0\] has the key 1, which must be a word; put it in",
    "cluster_name: a": ":1: provider is missing",
    LEAST + "provider: {}": ":3: provider.type is missing",
    LEAST + "provider: {type: 3}": ":3: provider.type must be a word, but got 3",
    LEAST + "provider: {type: ''}": ":3: provider.type must not be empty, but got ''",
    AWS.replace("region", "regoin"): ":3: provider.region is missing; is regoin meant to be it?",
    LOCAL.replace("metadata", "meta"): ":2: meta is not a setting; did you mean metadata",
    LOCAL.replace("storage", "storge"): ":2: metadata.storage is missing; is storge meant to be it",
    LOCAL.replace(
        "cluster_name: a", "cluster_name: a b"
    ): ":1: cluster_name must be 1 to 63 letters, .*, but got 'a b'",
    LOCAL.replace("[10.0.0.2]", "10.0.0.2"): ":3: provider.worker_ips must be a list, but got '10.0.0.2'",
    LOCAL.replace("[10.0.0.2]", "[3]"): r":3: provider.worker_ips\[0\] must be a word, but got 3",
    LOCAL + "max_worker: 1": r":4: max_worker is not a setting; did you mean max_workers\? \(allowed: cluster_name, ",
    LOCAL + "max_workers: -1": ":4: max_workers must be at least 0, but got -1",
    LOCAL + "max_workers: 1000000": ":4: max_workers must be at most 10000, but got 1000000",
    LOCAL + "max_workers: '1'": ":4: max_workers must be a whole number, but got '1'",
    LOCAL + "setup_commands: ls": ":4: setup_commands must be a list, but got 'ls'",
    LOCAL + "file_mounts: {/a: [b]}": r":4: file_mounts./a must be a word, but got \['b'\]",
    LOCAL + "file_mounts:\n  /a: null": ":5: file_mounts./a must be a word, but got null",
    LOCAL + "auth: {ssh_usr: a}": r":4: auth.ssh_usr is not a setting; did you mean ssh_user\?",
    AWS.replace(
        "m7i.large", "[m7i]"
    ): r":6: available_node_types.h.node_config.InstanceType must be a word, but got \[",
    AWS.replace("InstanceType:", "InstanceTyp:"): ".InstanceType is missing; is InstanceTyp meant to be it?",
    AWS.replace("CPU: 1", "CPU: 1.5"): ":6: available_node_types.h.resources.CPU must be a whole number, but got 1.5",
    AWS.replace(
        "resources", "resorces"
    ): ":6: available_node_types.h.resources is missing; is resorces meant to be it?",
    AWS.replace("type: h", "type: g"): r":4: head_node_type 'g' is not one of the node types; allowed: h",
    AWS.replace("{" + NODE, "{min_workers: 3, " + NODE): ":.: max_workers must be at least 3, the sum of all min_work",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_one_sentence_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path))}/c.yaml.*{WRONG[text]}") as caught:
        read(tmp_path, text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1500


def test_what_unfolds_to_too_much_is_refused_at_once(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(InputError, match="unfolds to more than"):
        read(tmp_path, bomb)
    with pytest.raises(InputError, match="holds more than 50000 bytes"):
        read(tmp_path, "a" * 60_000)
    with pytest.raises(InputError, match="nested deeper than"):
        read(tmp_path, "[" * 5000)
    with pytest.raises(InputError, match="is not UTF-8"):
        read(tmp_path, b"\xff\x00\xff")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_cluster(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_cluster(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no regular file"):
        read_cluster(tmp_path / "pipe")


ANYTHING: Any = st.sampled_from(
    [
        None,
        True,
        3,
        -1,
        1.5,
        float("nan"),
        1e300,
        10**30,
        "",
        "a",
        "a\nb",
        [],
        [1],
        ["a"],
        [[]],
        {},
        {"a": 1},
        [{"a": []}],
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


TEXTS = {name: yaml.safe_load((ROOT / name).read_text()) for name in ("cluster.yaml", "cluster-local.yaml")}
PLACES = [(name, place) for name, value in TEXTS.items() for place in places(value) if place]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_at_a_key_it_is_read_or_refused_in_one_sentence(
    place: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    name, path = place
    changed = yaml.safe_load((ROOT / name).read_text())
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file = Path(os.environ["PYTEST_SCRATCH"]) / "c.yaml"
    file.write_text(yaml.safe_dump(changed))
    said = outcome(file)
    assert said == "" or said.startswith(f"{file}:")
    assert said.isprintable()


def outcome(file: Path) -> str:
    """What is said of a file; nothing if it is taken."""
    try:
        read_cluster(file)
    except InputError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path))
