"""How many nodes of each kind may be asked for: as the cluster file has it, or others in the place of spot ones."""

import time
from collections import Counter

from tuner.raytune.autoscaling import WorkerType, fell_back_at, limit, worker_types
from tuner.raytune.watch import ClusterState


def pairs() -> list[tuple[WorkerType, WorkerType]]:
    """Each kind of spot node with one that is as good."""
    kinds = worker_types()
    return [(spot, other) for spot in kinds for other in kinds if _takes_its_place(spot, other)]


def _takes_its_place(spot: WorkerType, other: WorkerType) -> bool:
    """Ray adds other resources, the accelerator's name among them, to what the cluster file has."""
    same = all(spot.resources.get(kind, 0) == other.resources.get(kind, 0) for kind in ("CPU", "GPU"))
    return spot.spot and not other.spot and same


def fall_back(state: ClusterState) -> None:
    """No more spot nodes are asked for, but others in their place."""
    there = _there(state)
    limits = {spot.name: there[spot.name] for spot, _ in pairs()}
    limit(limits | {other.name: spot.usual for spot, other in pairs()}, fell_back_at=time.time())


def limit_as_usual(state: ClusterState) -> None:
    """What may be asked for is as the cluster file has it, but that no node is taken away."""
    there = _there(state)
    changed = [kind for kind in worker_types() if kind.max_workers != kind.usual]
    if changed or fell_back_at() is not None:
        limit({kind.name: max(kind.usual, there[kind.name]) for kind in changed}, fell_back_at=None)


def follow(state: ClusterState) -> None:
    """As nodes go that are more than may be asked for, fewer of their kind may be."""
    there, fell_back = _there(state), fell_back_at()
    dearer = {other.name for _, other in pairs()} if fell_back is not None else set()
    least = {spot.name: 0 for spot, _ in pairs()} if fell_back is not None else {}
    lower = {
        kind.name: most
        for kind in worker_types()
        if kind.name not in dearer
        and (most := max(least.get(kind.name, kind.usual), there[kind.name])) < kind.max_workers
    }
    if lower:
        limit(lower, fell_back_at=fell_back)


def _there(state: ClusterState) -> Counter[str]:
    """Those that were asked for count as long as others are coming: for a limit below both Ray might end the others.

    Later they do not, or Ray would ask for them for ever.
    """
    asked = state.asked if state.coming else ()
    return Counter((*state.nodes.values(), *state.coming, *asked))
