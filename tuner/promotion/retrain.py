"""Configs, trained again on every labelled image."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import whole
from tuner.engine.lineage_pack import LineagePack
from tuner.engine.pack import Pack
from tuner.engine.process import available_cpus, own_process
from tuner.errors import TunerError
from tuner.lineage import Lineage
from tuner.promotion.ensemble import Ensemble, networks_of
from tuner.results.promotion import Member
from tuner.seeding import seed_of

Each = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]
"""Calls a function with each tuple of arguments, and with `threads` and `gpu`, how many threads and what part of a GPU
it may use; what it returns, in order."""


def in_turn(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """`Each` in this process."""
    return [function(*arguments, threads=available_cpus(), gpu=1.0) for arguments in calls]


def retrain(members: tuple[Member, ...], dataset: Dataset, *, seed: int, each: Each = in_turn) -> Ensemble:
    """The mean of all members' networks, trained on all labelled images for as long as their curves say.

    Args:
        members: Configs, steps and numbers of networks.
        dataset: What they are trained on.
        seed: Decides everything random.
        each: Trains the networks, which do not depend on each other.

    Raises:
        TunerError: one of them diverged.
    """
    calls = [(member, number) for member in members for number in range(member.networks)]
    weights = each(partial(train_network, dataset=dataset, seed=seed), calls)
    neurons = len(dataset.neurons)
    pairs = zip(calls, weights, strict=True)
    return Ensemble([net for (member, _), found in pairs for net in networks_of(member.config, neurons, found)]).eval()


def train_network(
    member: Member, number: int, *, dataset: Dataset, seed: int, threads: int, gpu: float
) -> dict[str, Any]:
    """The weights of the member's network of this number, by its name.

    Raises:
        TunerError: it diverged.
    """
    device, steps = own_process(threads, gpu=gpu), steps_on_all(member, len(dataset.labelled))
    split = whole(len(dataset.labelled), member.networks)[number]

    def make(config: Config) -> Pack:
        return Pack(config, dataset, (split,), seed=seed_of(seed, member.variant), device=device)

    pack = LineagePack(lineage_on_all(member, len(dataset.labelled)), (split,), make)
    pack.train(steps)
    weights: dict[str, dict[str, Tensor]] = pack.weights()
    finite = all(bool(value.isfinite().all()) for net in weights.values() for value in net.values())
    if pack.diverged or not finite:
        raise TunerError(
            f"a network of {member.variant} diverged while it was retrained for {steps} steps; lower "
            "training.learning_rate"
        )
    return weights


def lineage_on_all(member: Member, num_labelled: int) -> Lineage:
    """The member's lineage with each phase as many epochs long on all images as it was on fewer."""
    return tuple(replace(phase, step=_on_all(member, num_labelled, phase.step)) for phase in member.lineage)


def steps_on_all(member: Member, num_labelled: int) -> int:
    """Steps on all `num_labelled` images that are as many epochs as the member's were on fewer."""
    return _on_all(member, num_labelled, member.step)


def _on_all(member: Member, num_labelled: int, step: int) -> int:
    """The same of the member's first `step` steps: a phase with mini-batches has more, one with all images as many."""
    ends = [*(phase.step for phase in member.lineage[1:]), step]
    taken = [max(0, min(end, step) - phase.step) for phase, end in zip(member.lineage, ends, strict=True)]
    sizes = [phase.config.training.batch_size or num_labelled for phase in member.lineage]
    factors = [num_labelled / member.trained_images if size < member.trained_images else 1.0 for size in sizes]
    return round(sum(steps * factor for steps, factor in zip(taken, factors, strict=True)))
