import json
from pathlib import Path

import pytest

from tuner.errors import InputError
from tuner.folder import Folder
from tuner.raytune import autoscaling
from tuner.raytune.watch import ClusterState
from tuner.results.files import MANIFEST
from tuner.results.spent import FILE, NOTHING, Machine, read_spent
from tuner.stages.meter import Meter
from tuner.stages.spending import Spending, kept, own_cluster, purse_of, spending_for

ROOT = Path(__file__).parents[2]
STATE = ClusterState({"1": "head", "2": "spot"}, ("spot",), (), (), True)


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine is the head of the cluster in the file."""
    monkeypatch.chdir(ROOT)
    place = tmp_path / "bootstrap.yaml"
    place.write_text((ROOT / "cluster.yaml").read_text())
    monkeypatch.setattr(autoscaling, "FILE", place)
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Of an experiment that was begun."""
    made = Folder.at(str(tmp_path / "experiment"))
    made.write(MANIFEST, "seed: 0\n")
    return made


def test_without_a_cluster_nothing_is_metered(head: Path, folder: Folder) -> None:
    assert own_cluster(None) is None
    assert spending_for(None, folder, None) is None
    head.unlink()
    assert spending_for("auto", folder, None) is None
    with kept(None):
        pass


@pytest.mark.parametrize("address", [None, "auto"])
def test_an_end_of_money_needs_a_cluster_with_prices(head: Path, folder: Folder, address: str | None) -> None:
    if address:
        head.unlink()
    with pytest.raises(InputError, match=r"^--max-cost needs a cluster that ray up has started, and --address auto"):
        spending_for(address, folder, 5.0)


def test_an_end_of_money_needs_the_price_of_every_node(head: Path, folder: Folder) -> None:
    head.write_text(head.read_text().replace("g5.xlarge", "p9.xlarge"))
    with pytest.raises(InputError, match=r"^--max-cost needs the price of every node, but there is no price of p9"):
        spending_for("auto", folder, 5.0)
    assert spending_for("auto", folder, None) is not None


def test_a_cluster_file_that_cannot_be_read_is_in_nobodys_way_without_an_end(head: Path, folder: Folder) -> None:
    head.write_text("cluster_name: 3")
    assert spending_for("auto", folder, None) is None
    with pytest.raises(InputError, match="provider is missing"):
        spending_for("auto", folder, 5.0)


def test_nodes_and_those_that_are_made_ready_are_paid_for(head: Path, folder: Folder) -> None:
    found = spending_for("auto", folder, 5.0)
    assert found is not None
    found.watch(STATE)
    assert found.meter.rate == pytest.approx((0.1008 + 2 * 0.45) / 3600)
    purse = purse_of(found, 5.0)
    assert purse is not None
    assert (purse.dollars, purse.meter) == (5.0, found.meter)
    assert purse_of(found, None) is None


def test_the_folder_is_told_once_a_minute_and_at_the_end(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Spending(Meter({"spot": Machine("g5.xlarge spot", 3.6)}, NOTHING), folder)
    found.watch(STATE)
    assert not folder.exists(FILE)
    monkeypatch.setattr("tuner.stages.spending.WRITE_EVERY_S", 0.0)
    found.watch(STATE)
    assert [use.machine for use in read_spent(folder).uses] == ["g5.xlarge spot"]
    assert set(json.loads(folder.read(FILE))) == {"dollars", "prices", "uses"}


def test_a_run_that_is_resumed_goes_on_adding(head: Path, folder: Folder) -> None:
    folder.write(FILE, NOTHING.after([Machine("g5.xlarge spot", 3.6)], 3600).dump())
    found = spending_for("auto", folder, None)
    assert found is not None
    assert found.meter.spent.dollars == pytest.approx(3.6)
    assert found.meter.spent.as_of != ""


def test_nothing_is_written_before_there_is_an_experiment(tmp_path: Path) -> None:
    empty = Folder.at(str(tmp_path / "none"))
    Spending(Meter({}, NOTHING), empty).write()
    assert not empty.exists()
