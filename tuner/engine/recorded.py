"""A training step as one CUDA graph: the processor launches it once, not kernel by kernel."""

import torch
from torch import Tensor

from tuner.engine.batches import Batch, batch_of
from tuner.engine.learner import Learner

WARM_UPS = 3
"""Steps before recording, in which libraries choose their algorithms; the number that PyTorch's documentation takes."""


class Recorded:
    """A learner's step, recorded with the first batch and replayed with every other.

    Args:
        learner: Whose weights and moments stay where they are from now on.
        batch: Of the shapes of all that follow.
    """

    def __init__(self, learner: Learner, batch: Batch) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in batch.tensors().items()}
        static = batch_of(self._inputs)
        kept = [(tensor, tensor.detach().clone()) for tensor in learner.tensors()]
        try:
            self._record(learner, static)
        finally:
            with torch.no_grad():
                for tensor, value in kept:
                    tensor.copy_(value)

    def __call__(self, batch: Batch) -> Tensor:
        """The loss `[K]` before the step that is now taken."""
        for name, tensor in batch.tensors().items():
            self._inputs[name].copy_(tensor)
        self._graph.replay()
        return self._loss.clone()

    def _record(self, learner: Learner, static: Batch) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                learner.learn(static)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = learner.learn(static)
