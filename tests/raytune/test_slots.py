from pathlib import Path

import pytest

from tuner.raytune import autoscaling
from tuner.raytune.resources import Resources, slots_to_come
from tuner.raytune.slots import most_slots, slots_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "slots"),
    [
        ({"CPU": 4, "GPU": 1}, 1, 0.5, 2),
        ({"CPU": 4, "GPU": 1}, 3, 0.5, 1),
        ({"CPU": 4}, 1, 0.5, 0),
        ({"CPU": 4}, 1, 0, 4),
        ({"CPU": 0}, 1, 0, 0),
        ({"CPU": 16, "GPU": 2}, 1, 0.4, 4),
        ({"CPU": 16, "GPU": 4}, 1, 2, 2),
        ({"GPU": 1}, 0, 0.5, 2),
        ({"CPU": 1}, 0.25, 0, 4),
    ],
)
def test_a_node_holds_as_many_trials_as_both_resources_allow(
    resources: dict[str, float], cpus: float, gpus: float, slots: int
) -> None:
    assert slots_of(resources, cpus, gpus) == slots


@pytest.mark.parametrize(
    ("kinds", "nodes", "slots"),
    [([], 8, 0), ([(8, 2)], 8, 16), ([(8, 2)], 3, 6), ([(8, 2), (2, 5)], 3, 12), ([(0, 2), (1, 1)], 8, 1)],
)
def test_a_cluster_takes_the_largest_nodes_first(kinds: list[tuple[int, int]], nodes: int, slots: int) -> None:
    assert most_slots(kinds, nodes) == slots


def test_what_is_to_come_is_what_the_autoscalers_file_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "FILE", ROOT / "cluster.yaml")
    assert slots_to_come(Resources(1, 0.5)) == 16
    assert slots_to_come(Resources(8, 0)) is None
    monkeypatch.setattr(autoscaling, "FILE", Path("/nowhere"))
    assert slots_to_come(Resources(1, 0.5)) is None
