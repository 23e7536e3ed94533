from tests.cluster.stack import Edited, lines
from tuner.cluster.account import Account
from tuner.cluster.checks.instances import hardware, instance_types, resources, zones

ZONES = "us-east-1a,us-east-1b,us-east-1c,us-east-1d,us-east-1f"


def test_zones_and_types_and_resources_are_as_the_file_says(account: Account, edited: Edited) -> None:
    cluster = edited()
    assert lines(zones(cluster, account)) == [f"ok: zones: {ZONES.replace(',', ', ')}"]
    assert lines(instance_types(cluster, account)) == [
        "ok: head: m7i.large, in 5 zones",
        "ok: on_demand: g5.xlarge, in 5 zones",
        "ok: spot: g5.xlarge, in 5 zones",
    ]
    assert lines(resources(cluster, account)) == [
        "ok: head: 0 CPU, 0 GPU",
        "ok: on_demand: 4 CPU, 1 GPU",
        "ok: spot: 4 CPU, 1 GPU",
    ]
    assert hardware(cluster, account) == {"g5.xlarge": {"CPU": 4, "GPU": 1}, "m7i.large": {"CPU": 2, "GPU": 0}}


def test_a_zone_that_is_none_is_said_with_the_nearest(account: Account, edited: Edited) -> None:
    cluster = edited((ZONES, "us-east-1a, us-east-1x"))
    (line,) = lines(zones(cluster, account))
    assert ": us-east-1x is not a zone of us-east-1 that may be used; did you mean us-east-1" in line
    assert f"{cluster.path}:22: provider.availability_zone" in line


def test_a_type_that_is_none_is_said_with_the_nearest(account: Account, edited: Edited) -> None:
    found = lines(instance_types(edited(("InstanceType: g5.xlarge", "InstanceType: g5.xlrge")), account))
    assert len([line for line in found if "g5.xlrge is not to be had in us-east-1; did you mean g5." in line]) == 2
    assert found[1].startswith("problem: ")


def test_a_type_that_none_of_the_zones_has_is_said_with_those_that_have_it(account: Account, edited: Edited) -> None:
    found = lines(instance_types(edited((ZONES, "us-east-1e")), account))
    having = ZONES.replace(",", ", ")
    assert found[1].endswith(f"g5.xlarge is in none of the zones; us-east-1 has it in {having}")
    assert found[1].startswith("problem: ")


def test_a_zone_without_the_type_is_worth_knowing(account: Account, edited: Edited) -> None:
    found = lines(instance_types(edited((ZONES, "us-east-1a,us-east-1e")), account))
    assert found[2].startswith("note: ")
    assert found[2].endswith("InstanceType: g5.xlarge is not in us-east-1e")


def test_resources_that_the_type_does_not_have_are_said(account: Account, edited: Edited) -> None:
    found = lines(resources(edited(("{CPU: 4, GPU: 1}", "{CPU: 8, GPU: 2}")), account))
    assert [line.rpartition(": ")[2] for line in found[1:3]] == [
        "available_node_types.on_demand.resources.CPU is 8, but g5.xlarge has 4; write 4",
        "available_node_types.on_demand.resources.GPU is 2, but g5.xlarge has 1; write 1",
    ]
    assert all(line.startswith("problem: ") for line in found[1:])


def test_a_gpu_that_would_stay_unused_is_said(account: Account, edited: Edited) -> None:
    found = lines(resources(edited(("{CPU: 4, GPU: 1}", "{CPU: 4, GPU: 0}")), account))
    assert found[1].startswith("note: ")
    assert found[1].endswith("resources.GPU is 0, but g5.xlarge has 1: 1 would stay unused")


def test_resources_that_are_not_given_are_the_types_own(account: Account, edited: Edited) -> None:
    assert lines(resources(edited(("{CPU: 4, GPU: 1}", "{}")), account))[2] == "ok: spot: 4 CPU, 1 GPU"
