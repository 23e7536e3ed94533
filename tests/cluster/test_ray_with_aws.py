"""What Ray's own code makes of cluster.yaml in an account with the stack of cluster/aws.yaml."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.commands import _set_up_config_for_head_node
from ray.autoscaler._private.util import prepare_config, validate_config

from tuner.cluster.file import read_cluster
from tuner.cluster.prices import fleet_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(aws: str) -> Any:
    return boto3.client("ec2", "us-east-1")


@pytest.fixture(scope="module")
def group(client: Any) -> dict[str, Any]:
    """The firewall before Ray has seen it."""
    (found,) = client.describe_security_groups(GroupNames=["tuner"])["SecurityGroups"]
    return dict(found)


@pytest.fixture(scope="module")
def config(group: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cluster file as `ray up` completes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray writes a new key there
        prepared = prepare_config(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
        validate_config(prepared)
        completed: dict[str, Any] = bootstrap_aws(prepared)
    return completed


@pytest.fixture(scope="module")
def started(config: dict[str, Any], client: Any) -> Iterator[dict[str, dict[str, Any]]]:
    """What EC2 says of one node of each type, started by Ray's own provider."""
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    made = {}
    for name, kind in config["available_node_types"].items():
        tags = {"ray-node-type": "head" if name == "head" else "worker", "ray-user-node-type": name}
        (identity,) = provider.create_node(copy.deepcopy(kind["node_config"]), tags, 1)
        found = client.describe_instances(InstanceIds=[identity])
        made[name] = found["Reservations"][0]["Instances"][0]
    yield made
    client.terminate_instances(InstanceIds=[one["InstanceId"] for one in made.values()])


def test_ray_takes_the_firewall_and_adds_no_rule(config: dict[str, Any], group: dict[str, Any], client: Any) -> None:
    kinds = config["available_node_types"].values()
    assert {tuple(kind["node_config"]["SecurityGroupIds"]) for kind in kinds} == {(group["GroupId"],)}
    (after,) = client.describe_security_groups(GroupNames=["tuner"])["SecurityGroups"]
    assert after["IpPermissions"] == group["IpPermissions"]
    assert not [one for one in client.describe_security_groups()["SecurityGroups"] if "ray" in one["GroupName"]]


def test_ray_takes_the_profiles_and_makes_no_role(config: dict[str, Any], started: dict[str, dict[str, Any]]) -> None:
    assert config["head_node"] == {}
    iam = boto3.client("iam", "us-east-1")
    names = {one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]}
    assert names == {"tuner-head", "tuner-worker"}
    profiles = {name: one["IamInstanceProfile"]["Arn"].rpartition("/")[2] for name, one in started.items()}
    assert profiles == {"head": "tuner-head", "on_demand": "tuner-worker", "spot": "tuner-worker"}


def test_all_zones_are_tried_in_their_order(config: dict[str, Any], client: Any) -> None:
    for kind in config["available_node_types"].values():
        subnets = client.describe_subnets(SubnetIds=kind["node_config"]["SubnetIds"])["Subnets"]
        zones = {one["SubnetId"]: one["AvailabilityZone"] for one in subnets}
        tried = [zones[one] for one in kind["node_config"]["SubnetIds"]]
        assert tried == [f"us-east-1{letter}" for letter in "abcdf"]


def test_spot_is_asked_for_where_it_is_meant_and_nowhere_else(started: dict[str, dict[str, Any]]) -> None:
    assert {name: one.get("InstanceLifecycle") for name, one in started.items()} == {
        "head": None,
        "on_demand": None,
        "spot": "spot",
    }
    kinds = {name: one["InstanceType"] for name, one in started.items()}
    assert kinds == {"head": "m7i.large", "on_demand": "g5.xlarge", "spot": "g5.xlarge"}


def test_a_spot_node_ends_when_it_is_taken_away(config: dict[str, Any]) -> None:
    kinds = {name: kind["node_config"] for name, kind in config["available_node_types"].items()}
    options = kinds["spot"]["InstanceMarketOptions"]["SpotOptions"]
    assert options == {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    assert {key for key in kinds["spot"] if key not in kinds["on_demand"]} == {"InstanceMarketOptions"}


def test_disks_are_encrypted_and_go_with_their_node(started: dict[str, dict[str, Any]], client: Any) -> None:
    for name, size in {"head": 60, "on_demand": 125, "spot": 125}.items():
        (disk,) = started[name]["BlockDeviceMappings"]
        assert disk["Ebs"]["DeleteOnTermination"]
        (volume,) = client.describe_volumes(VolumeIds=[disk["Ebs"]["VolumeId"]])["Volumes"]
        assert (volume["Encrypted"], volume["Size"], volume["VolumeType"]) == (True, size, "gp3")


def test_nodes_carry_the_tag_that_the_heads_rights_hang_on(started: dict[str, dict[str, Any]]) -> None:
    for one in started.values():
        assert {"Key": "ray-cluster-name", "Value": "tuner"} in one["Tags"]


def test_credentials_are_not_given_to_who_cannot_send_a_header(config: dict[str, Any]) -> None:
    for kind in config["available_node_types"].values():  # moto does not keep it
        assert kind["node_config"]["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_what_ray_puts_on_the_head_is_a_cluster_file_of_the_same_machines(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    _, written = _set_up_config_for_head_node(copy.deepcopy(config), provider, no_restart=False)
    (tmp_path / "ray_bootstrap_config.yaml").write_text(Path(written.name).read_text())
    found, own = read_cluster(tmp_path / "ray_bootstrap_config.yaml"), read_cluster("cluster.yaml")
    assert fleet_of(found) == fleet_of(own)
    assert (found.storage, found.max_workers) == (own.storage, own.max_workers)
    assert [dict(kind.resources) for kind in found.node_types] == [dict(kind.resources) for kind in own.node_types]
