"""Replicates of a pack that take their steps together, with what they see."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.splits import Split
from tuner.engine.batches import Batch, Batches
from tuner.engine.draws import is_full_batch
from tuner.engine.images import Images
from tuner.engine.layout import is_blocked
from tuner.engine.learner import Learner, State
from tuner.engine.nets import Nets, Solo
from tuner.engine.plan import stacks_of
from tuner.engine.precision import Precision
from tuner.engine.recorded import Recorded
from tuner.engine.stacked import Stacked
from tuner.errors import TunerError


@dataclass(frozen=True, eq=False)
class Common:
    """What all replicates of a pack share.

    Attributes:
        config: The trial's.
        images: Its images.
        splits: One a replicate.
        seeds: The replicates' own.
        precision: Of the products.
    """

    config: Config
    images: Images
    splits: tuple[Split, ...]
    seeds: tuple[int, ...]
    precision: Precision

    @property
    def device(self) -> torch.device:
        """Where the pack lives."""
        return self.images.responses.device

    @property
    def stackable(self) -> bool:
        """Whether all replicates have batches of one size, or all train on all of their images."""
        return len({is_full_batch(split, self.config.training.batch_size) for split in self.splits}) == 1


class Stack:
    """K of a pack's replicates: one by itself, or several as one network.

    Args:
        common: Of the pack.
        members: Their positions in the pack; `places` holds them on the device.
        states: What they go on from.
        recorded: Whether the step is recorded as a CUDA graph.
        stream: Where the step runs; None is the current one.
        micro_batches: See `Learner`.
    """

    def __init__(
        self,
        common: Common,
        members: tuple[int, ...],
        states: list[State],
        *,
        recorded: bool = False,
        stream: torch.cuda.Stream | None = None,
        micro_batches: int = 1,
    ) -> None:
        self.members = members
        self.places = torch.tensor(members, device=common.device)
        self._stream = stream
        self._common, self._recorded, self._micro_batches = common, recorded, micro_batches
        splits = tuple(common.splits[member] for member in members)
        self._batches = Batches(common.config, common.images, splits, tuple(common.seeds[member] for member in members))
        self._learner = Learner(
            common.config,
            _nets(common, states),
            states,
            precision=common.precision,
            device=common.device,
            micro_batches=micro_batches,
        )
        self._learn: Callable[[Batch], Tensor] | None = None

    def train(self, step: int) -> Tensor:
        """The losses `[K]` before the step that is now taken, on the device.

        Raises:
            torch.OutOfMemoryError: the step was not taken; see `smaller`.
        """
        batch = self._batches.at(step)
        if self._learn is None:
            self._learn = Recorded(self._learner, batch) if self._recorded else self._learner.learn
        if self._stream is None:
            return self._learn(batch)
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            return self._learn(batch)

    def joined(self, loss: Tensor) -> Tensor:
        """The losses of `train`, once the current stream has waited for them."""
        if self._stream is not None:
            torch.cuda.current_stream().wait_stream(self._stream)
        return loss

    def evaluate(self) -> list[Tensor]:
        """Each replicate's responses `[held out, N]` to its held-out images."""
        held_out = [torch.from_numpy(self._common.splits[member].held_out) for member in self.members]
        most = max(map(len, held_out))
        if most == 0:
            return [self._common.images.responses[:0] for _ in held_out]
        # Folds differ in size by one; the shorter ones are filled up with an image that is then left out.
        rows_KB = torch.stack([torch.cat([rows, rows[:1].expand(most - len(rows))]) for rows in held_out])
        images_KBCHW = self._common.images.centred[rows_KB.flatten().to(self._common.device)]
        found_KBN = self._learner.predict(images_KBCHW.unflatten(0, rows_KB.shape))
        return [found[: len(rows)] for found, rows in zip(found_KBN, held_out, strict=True)]

    def states(self, *, copy: bool = True) -> list[State]:
        """What each replicate goes on from, see `Pack.state`."""
        return self._learner.states(copy=copy)

    def weights(self) -> list[dict[str, Tensor]]:
        """A copy of each replicate's weights."""
        return [self._learner.weights(index) for index in range(len(self.members))]

    def smaller(self) -> "list[Stack]":
        """Stacks of the same replicates, as they are now, that need less memory for a step.

        Raises:
            TunerError: there are none.
        """
        states, count = self.states(), len(self.members)
        if count == 1:
            return [Stack(self._common, self.members, states, micro_batches=self._more_micro_batches())]
        parts = stacks_of(tuple(self._common.splits[member] for member in self.members), -(-count // 2))
        return [
            Stack(self._common, tuple(self.members[index] for index in part), [states[index] for index in part])
            for part in parts
        ]

    def _more_micro_batches(self) -> int:
        """Twice as many as now. Batch normalisation needs all images of a step at once."""
        images = len(self._common.splits[self.members[0]].train)
        normed = any(layer.batch_norm for layer in self._common.config.model.conv_layers)
        if normed or self._micro_batches >= images:
            part = "all images of a step, as batch_norm requires," if normed else "an image"
            raise TunerError(f"the memory of {self._common.device} does not hold one network and {part} at a time")
        return 2 * self._micro_batches


def _nets(common: Common, states: list[State]) -> Nets:
    model, num_neurons = common.config.model, common.images.responses.shape[1]
    if len(states) > 1:
        return Stacked(model, num_neurons, [state["net"] for state in states], common.device)
    blocked = is_blocked(model, common.precision, common.device)
    return Solo(model, num_neurons, states[0]["net"], common.device, blocked)
