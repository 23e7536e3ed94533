"""How many trials find room at a time: numbers in, numbers out."""

import math
from collections.abc import Iterable, Mapping


def slots_of(resources: Mapping[str, float], cpus: float, gpus: float) -> int:
    """Trials that a node with these resources holds at a time.

    Args:
        resources: As Ray counts them: `CPU`, `GPU`.
        cpus: That a trial asks for.
        gpus: As above; a part of one is of one GPU, so that three trials of 0.4 do not share two GPUs.
    """
    of_cpus = math.floor(resources.get("CPU", 0) / cpus) if cpus else math.inf
    number = resources.get("GPU", 0)
    of_gpus = math.inf if not gpus else number * math.floor(1 / gpus) if gpus <= 1 else math.floor(number / gpus)
    least = min(of_cpus, of_gpus)
    return 0 if math.isinf(least) else int(least)


def most_slots(kinds: Iterable[tuple[int, int]], nodes: int) -> int:
    """Trials that a cluster holds when all its nodes are there.

    Args:
        kinds: Of each kind of node how many there may be, and the trials that one holds.
        nodes: That there may be of all kinds together.
    """
    slots, left = 0, nodes
    for number, each in sorted(kinds, key=lambda kind: -kind[1]):
        taken = min(number, left)
        slots, left = slots + taken * each, left - taken
    return slots
