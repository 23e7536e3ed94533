from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tests.cluster.stack import Edited
from tuner.cluster.prices import check_priced, fleet_of, price_list
from tuner.errors import InputError
from tuner.results.spent import Machine

OWN = "  prices: {g5.xlarge: {on-demand: 1.1, spot: 0.5}, m7i.large: {on-demand: 0.2}}\n"
STORAGE = "  requirements: cluster/requirements.txt\n"


def test_the_table_knows_its_month_and_spot_is_below_on_demand() -> None:
    found = price_list()
    assert len(found.as_of.split("-")) == 2
    assert all(0 < one["spot"] < one["on-demand"] < 3 for one in found.dollars_an_hour.values())


def test_the_table_says_where_its_prices_are_from() -> None:
    text = (files("tuner.cluster") / "prices.yaml").read_text()
    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in text
    assert "us-east-1" in text
    assert "Spot prices differ" in text


def test_the_table_is_in_the_package() -> None:
    setup = (Path(__file__).parents[2] / "setup.cfg").read_text()
    assert "cluster/prices.yaml" in setup


def test_every_node_of_the_clusters_file_has_a_price(edited: Edited) -> None:
    fleet = fleet_of(edited())
    assert fleet.as_of == price_list().as_of
    assert fleet.machines == {
        "head": Machine("m7i.large on-demand", 0.1008),
        "on_demand": Machine("g5.xlarge on-demand", 1.006),
        "spot": Machine("g5.xlarge spot", 0.45),
    }
    check_priced(fleet, "--max-cost")


def test_the_users_own_prices_go_before_the_table(edited: Edited) -> None:
    fleet = fleet_of(edited((STORAGE, STORAGE + OWN)))
    assert [one.dollars_an_hour for one in fleet.machines.values()] == [0.2, 1.1, 0.5]
    assert fleet.as_of == ""
    some = fleet_of(edited((STORAGE, STORAGE + "  prices: {g5.xlarge: {spot: 2}}\n")))
    assert [one.dollars_an_hour for one in some.machines.values()] == [0.1008, 1.006, 2.0]
    assert some.as_of == price_list().as_of


def test_in_another_region_only_the_users_own_prices_hold(edited: Edited) -> None:
    there = ("region: us-east-1", "region: sa-east-1")
    with pytest.raises(InputError, match=r"there is no price of g5\.xlarge on-demand, g5\.xlarge spot, m7i\.large on"):
        check_priced(fleet_of(edited(there)), "--max-cost")
    own = fleet_of(edited(there, (STORAGE, STORAGE + OWN)))
    assert [one.dollars_an_hour for one in own.machines.values()] == [0.2, 1.1, 0.5]


def test_a_price_that_is_not_known_is_not_guessed(edited: Edited) -> None:
    fleet = fleet_of(edited(("g5.xlarge", "p9.xlarge")))
    assert fleet.machines["spot"] == Machine("p9.xlarge spot", None)
    with pytest.raises(InputError, match=r"^--x needs the price of every node, but there is no price of p9\.xlarge on"):
        check_priced(fleet, "--x")


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ("{a: {spot: cheap}}", "metadata.prices.a.spot must be a number, but got 'cheap'"),
        ("{a: {spot: -1}}", "metadata.prices.a.spot must be at least 0, but got -1"),
        ("{a: {spt: 1}}", r"metadata.prices.a.spt is not a setting; did you mean spot\?"),
        ("{a: 1}", "metadata.prices.a must be a mapping, but got 1"),
    ],
)
def test_a_wrong_price_is_one_sentence(edited: Edited, prices: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        edited((STORAGE, f"{STORAGE}  prices: {prices}\n"))


def test_the_clusters_own_machines_have_no_price(tmp_path: Path, edited: Callable[..., object]) -> None:
    from tuner.cluster.file import read_cluster

    local = {"type": "local", "head_ip": "10.0.0.1", "worker_ips": ["10.0.0.2"]}
    values = {"cluster_name": "a", "metadata": {"storage": "s3://b/c"}, "provider": local}
    (tmp_path / "local.yaml").write_text(yaml.safe_dump(values))
    fleet = fleet_of(read_cluster(tmp_path / "local.yaml"))
    assert fleet.machines == {}
    with pytest.raises(InputError, match=r"^--max-cost needs the price of every node, but this cluster is of machines"):
        check_priced(fleet, "--max-cost")
