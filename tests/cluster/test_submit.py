"""What `tuner submit` knows before it asks a cluster."""

from pathlib import Path

import pytest

from tuner.cluster.file import read_cluster
from tuner.cluster.jobs import Job
from tuner.cluster.tunnel import NoClusterError, Tunnel
from tuner.errors import InputError
from tuner.submit import _others, check_room

CLUSTER = read_cluster(Path(__file__).parents[2] / "cluster.yaml")


@pytest.mark.parametrize(("cpus", "gpus"), [(1, 0.5), (4, 1), (1, 0), (0, 0)])
def test_a_trial_that_finds_room_is_sent(cpus: float, gpus: float) -> None:
    check_room(CLUSTER, cpus, gpus)


@pytest.mark.parametrize(("cpus", "gpus"), [(1, 2), (5, 0.5)])
def test_a_trial_that_no_node_can_hold_is_refused_before_it_is_sent(cpus: float, gpus: float) -> None:
    told = rf"^a trial asks for {cpus} CPU and {gpus} GPU, but no node of .*cluster.yaml has more than 4 CPU, 1 GPU$"
    with pytest.raises(InputError, match=told):
        check_room(CLUSTER, cpus, gpus)


def test_of_machines_that_are_not_described_nothing_is_known() -> None:
    check_room(read_cluster(CLUSTER.path.with_name("cluster-local.yaml")), 99, 99)


def test_the_job_has_the_options_that_name_no_place_here() -> None:
    given = [
        "-g",
        "g",
        "--config=a.yaml",
        "--data",
        "d",
        "--cluster",
        "c.yaml",
        "--finals",
        "2",
        "--storage",
        "s",
        "-n",
        "n",
    ]
    assert _others([*given, "--detach", "--mutations", "m.yaml"]) == ["-g", "g", "--finals", "2", "-n", "n"]


@pytest.mark.parametrize("typed", ["tuner submit -g a", "tuner submit --resume -g a"])
def test_what_goes_on_with_a_job_is_said_once(typed: str) -> None:
    assert Job("a~b~1", "a/b", typed, "STOPPED", "", None).resumed.count("--resume") == 1


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        (
            "The exception is: \x1b[1mHead node of cluster (tuner) not found!\x1b[22m\n2026 VINFO utils.py:149 -- More",
            NoClusterError,
            "^the cluster in c.yaml does not run; start it with: ray up c.yaml$",
        ),
        ("The exception is: it rains\nmore", InputError, "^the cluster in c.yaml cannot be reached: it rains$"),
        ("first\nlast\n", InputError, "^the cluster in c.yaml cannot be reached: last$"),
        ("", InputError, "^the cluster in c.yaml cannot be reached: no answer$"),
    ],
)
def test_why_a_cluster_is_not_reached(said: str, error: type[InputError], told: str, tmp_path: Path) -> None:
    tunnel = Tunnel("c.yaml")
    with pytest.raises(error, match=told):
        raise tunnel._error(said)
    tunnel.close()
