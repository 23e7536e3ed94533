"""The replicates of one trial, trained together."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tuner.config import Config, ModelConfig
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split
from tuner.engine.choice import build, choose
from tuner.engine.images import Images, mean_response
from tuner.engine.layout import is_blocked, memory_format
from tuner.engine.learner import State
from tuner.engine.plan import Plan
from tuner.engine.precision import resolve
from tuner.engine.settle import IMAGES, settled
from tuner.engine.stack import Common, Stack
from tuner.lineage import Lineage
from tuner.model import ConvNet
from tuner.mutation.inherit import Inheritance, inherit
from tuner.mutation.network import Network
from tuner.seeding import seed_of


class Pack:
    """M networks of one architecture, each on its own split of the same images.

    A replicate in a pack is the replicate that it would be alone: its random numbers follow from its name and the step,
    and the distorted images that folds of one repeat share follow from the repeat's name and the step.

    Args:
        config: The trial's config.
        dataset: Its labelled images are L, its neurons N.
        splits: One a replicate.
        seed: Decides everything random.
        device: Where the pack lives.
        plan: How to train; None trains one replicate after the other on a CPU, and measures what is fastest on a GPU.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        splits: tuple[Split, ...],
        *,
        seed: int,
        device: torch.device,
        plan: Plan | None = None,
    ) -> None:
        self.config, self.splits, self.step = config, splits, 0
        self.precision = resolve(config.training.precision, device)
        form = memory_format(is_blocked(config.model, self.precision, device))
        images = Images(config, dataset, seed=seed, device=device, memory_format=form)
        seeds = tuple(seed_of(seed, "replicate", split.repeat, split.fold) for split in splits)
        self._common = Common(config, images, splits, seeds, self.precision)
        self._diverged = np.zeros(len(splits), dtype=bool)
        states = [_first_state(self._common, index) for index in range(len(splits))]
        self._plan = plan or choose(self._common, states)
        self._stacks = build(self._common, states, self._plan)

    @property
    def lineage(self) -> Lineage:
        """None: it has one config."""
        return ()

    @property
    def diverged(self) -> bool:
        """Whether any replicate's loss has left the numbers."""
        return bool(self._diverged.any())

    def train(self, steps: int) -> npt.NDArray[np.float64]:
        """The mean loss `[M]` over the steps that are now taken; NaN once a replicate diverged, which then rests."""
        total = torch.zeros(len(self.splits), dtype=torch.float64, device=self._common.device)
        for _ in range(steps):
            total += self._take_step()
            self.step += 1
        losses: npt.NDArray[np.float64] = (total / steps).cpu().numpy()
        self._diverged |= ~np.isfinite(losses)
        losses[self._diverged] = np.nan
        return losses

    def evaluate(self) -> npt.NDArray[np.float32]:
        """Predictions `[M, L, N]` of each replicate for its held-out images; NaN for the others, and once diverged."""
        predictions = np.full((len(self.splits), *self._common.images.responses.shape), np.nan, dtype=np.float32)
        for stack in self._stacks:
            for member, found in zip(stack.members, stack.evaluate(), strict=True):
                predictions[member, self.splits[member].held_out] = found.cpu().numpy()
                self._diverged[member] |= not bool(found.isfinite().all())
        predictions[self._diverged] = np.nan
        return predictions

    def state(self, *, copy: bool = True) -> dict[str, Any]:
        """Everything that training goes on from, replicates by name, on the CPU.

        Args:
            copy: False leaves out the copy where it can: what is returned may change with the next step.
        """
        replicates = {
            _name(self.splits[member]): {**state, "diverged": bool(self._diverged[member])}
            for stack in self._stacks
            for member, state in zip(stack.members, stack.states(copy=copy), strict=True)
        }
        return {"step": self.step, "precision": self.precision, "replicates": replicates}

    def load_state(self, state: dict[str, Any]) -> None:
        """The pack as it was when `state` was taken, also in the format of its products."""
        states = [_with_own_weights(state["replicates"][_name(split)]) for split in self.splits]
        self.step, self.precision = state["step"], state["precision"]
        self._common = replace(self._common, precision=self.precision)
        self._diverged = np.array([replicate["diverged"] for replicate in states])
        self._stacks = []  # frees their memory before the new ones need it
        self._stacks = build(self._common, states, self._plan)

    def inherit(self, state: dict[str, Any], model: ModelConfig) -> Inheritance:
        """This new pack goes on from another of the same splits, with what its own config can take over.

        Args:
            state: The other's.
            model: The other's layers.

        Returns:
            What the first replicate took over.
        """
        mine = self.state()
        heirs = []
        for split, seed in zip(self.splits, self._common.seeds, strict=True):
            theirs, own = state["replicates"][_name(split)], mine["replicates"][_name(split)]
            generator = torch.Generator().manual_seed(seed_of(seed, "inherit", state["step"]))
            found = inherit(
                Network(model, theirs["net"], theirs["moments"]),
                Network(self.config.model, own["net"], {}),
                generator,
            )
            heirs.append(found)
            heir = settled(found.network, self._common.images.centred[split.train[:IMAGES]].cpu())
            own.update(net=heir.net, moments=heir.moments, diverged=theirs["diverged"])
        self.load_state({**mine, "step": state["step"]})
        return heirs[0]

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """A copy of every replicate's weights, by its name."""
        return {
            _name(self.splits[member]): weights
            for stack in self._stacks
            for member, weights in zip(stack.members, stack.weights(), strict=True)
        }

    def _take_step(self) -> Tensor:
        """The losses `[M]` before the step; a stack that the memory cannot hold is replaced by smaller ones."""
        losses = torch.full((len(self.splits),), torch.nan, dtype=torch.float64, device=self._common.device)
        waiting, taken = self._stacks[::-1], list[tuple[Stack, Tensor | None]]()
        while waiting:
            stack = waiting.pop()
            rests = self._diverged[list(stack.members)].all()
            loss = None if rests else _attempt(stack, self.step)
            if loss is None and not rests:
                waiting += reversed(stack.smaller())
            else:
                taken.append((stack, loss))
        for stack, loss in taken:
            if loss is not None:
                losses.index_copy_(0, stack.places, stack.joined(loss).double())
        self._stacks = [stack for stack, _ in taken]
        return losses


def _attempt(stack: Stack, step: int) -> Tensor | None:
    """The losses `[K]`; None if the step does not fit the memory, and was not taken."""
    try:
        return stack.train(step)
    except torch.OutOfMemoryError:
        return None


def _first_state(common: Common, index: int) -> State:
    """A new replicate's: what it answers at first is near the mean response to its training images."""
    num_neurons = common.images.responses.shape[1]
    generator = torch.Generator().manual_seed(seed_of(common.seeds[index], "weights"))
    net = ConvNet(common.config.model, num_neurons, generator)
    with torch.no_grad():
        net.logits.bias.copy_(mean_response(common.images.responses[common.splits[index].train]))
    return {"net": net.state_dict(), "moments": {}}


def _with_own_weights(state: State) -> State:
    return {**state, "net": {name: value.clone() for name, value in state["net"].items()}}


def _name(split: Split) -> str:
    """What a pack's state calls a replicate."""
    return f"repeat{split.repeat}-fold{split.fold}"
