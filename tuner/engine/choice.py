"""Which plan a trial trains under: measured at its start on a GPU, and remembered for the same architecture."""

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from time import perf_counter

import torch

from tuner.engine.layout import micro_batches
from tuner.engine.learner import State
from tuner.engine.plan import Plan, candidates, stacks_of
from tuner.engine.stack import Common, Stack

BUDGET_S = 0.5
TIMED_STEPS = 2

_remembered: dict[Hashable, Plan] = {}


def choose(common: Common, states: list[State]) -> Plan:
    """The plan for the pack: the measured one on a GPU; on a CPU, where that is fastest, one replicate at a time."""
    device = _device_name(common.device)
    if device == "cpu" or not common.stackable:
        return Plan()
    config, shape = common.config, tuple(common.images.centred.shape)
    splits = tuple((split.repeat, split.fold, len(split.train)) for split in common.splits)
    key = (config.model, config.data.distortions, config.training.batch_size, common.precision, device, shape, splits)
    if key not in _remembered:
        _warm_up(common, states)
        plans = candidates(common.splits)
        _remembered[key] = fastest(plans, lambda plan: _seconds(common, states, plan), BUDGET_S)
    return _remembered[key]


def fastest(plans: Iterable[Plan], seconds: Callable[[Plan], float], budget_s: float) -> Plan:
    """The plan whose step takes the fewest seconds; plans that do not fit the memory are passed over.

    Args:
        plans: In the order in which they are tried.
        seconds: Of one step under a plan.
        budget_s: Once one plan is known to fit and these have passed, no further plan is tried.

    Returns:
        One replicate at a time if no plan fits.
    """
    start, found = perf_counter(), dict[Plan, float]()
    for plan in plans:
        if found and perf_counter() - start > budget_s:
            break
        try:
            found[plan] = seconds(plan)
        except torch.OutOfMemoryError:
            continue
    return min(found, key=found.__getitem__, default=Plan())


def build(common: Common, states: list[State], plan: Plan) -> list[Stack]:
    """The pack's stacks under a plan."""
    stacks = stacks_of(common.splits, plan.together if common.stackable else 1)
    streams = [torch.cuda.Stream(common.device) if plan.streams else None for _ in stacks]
    most = max(len(split.train) for split in common.splits)
    parts = micro_batches(common.config, min(most, common.config.training.batch_size or most), common.device)
    return [
        Stack(
            common,
            members,
            [states[member] for member in members],
            recorded=plan.recorded,
            stream=stream,
            micro_batches=parts,
        )
        for members, stream in zip(stacks, streams, strict=True)
    ]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _warm_up(common: Common, states: list[State]) -> None:
    """Libraries are loaded, which takes seconds the first time and would be held against the first plan."""
    with suppress(torch.OutOfMemoryError):
        Stack(common, (0,), states[:1]).train(0)


def _seconds(common: Common, states: list[State], plan: Plan) -> float:
    """Of one step, after a first one in which libraries and graphs are prepared."""
    stacks = build(common, states, plan)
    start = perf_counter()
    for step in range(TIMED_STEPS + 1):
        losses = [stack.train(step) for stack in stacks]
        for stack, loss in zip(stacks, losses, strict=True):
            stack.joined(loss)
        if step == 0:
            torch.cuda.synchronize(common.device)
            start = perf_counter()
    torch.cuda.synchronize(common.device)
    return (perf_counter() - start) / TIMED_STEPS
