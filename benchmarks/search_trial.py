"""A trial that also tells what its networks are truly worth: what no search sees."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tuner.config import ModelConfig
from tuner.engine.pack import Pack
from tuner.mutation.inherit import Inheritance
from tuner.mutation.network import Network
from tuner.promotion.ensemble import ensemble_of
from tuner.raytune.trainable import ConvTrial

TRUTH = "TUNER_BENCHMARK_TRUTH"
"""The environment variable that names a file of `write_truth`."""
FORGETFUL = "forgetful"
"""Where a file of this name lies beside it, children begin with new weights."""


INHERIT = Pack.inherit


def write_truth(path: Path, images_BHWC: Any, expected_BN: Any, noise_N: Any, weights_BN: Any) -> None:
    """The file holds what networks are held to: the mean over entries of squared distances to `expected`, and `noise`.

    Args:
        path: Of a `.npz` file.
        images_BHWC: `uint8`, or floating point in 0..1.
        expected_BN: Responses, or what a perfect model would answer; NaN where there are none.
        noise_N: Variance around it.
        weights_BN: Of each entry in the mean.
    """
    np.savez(path, images=images_BHWC, expected=expected_BN, noise=noise_N, weights=weights_BN)


class TruthTrial(ConvTrial):
    """Adds to each row when it was measured, how many replicate-steps it took, and what the networks are worth."""

    def step(self) -> dict[str, Any]:
        """One evaluation interval."""
        forgetful = Path(os.environ[TRUTH]).with_name(FORGETFUL).exists()
        Pack.inherit = _begin_anew if forgetful else INHERIT  # type: ignore[assignment,method-assign]
        before = self._pack.step
        row = super().step()
        taken = (self._pack.step - before) * len(self._pack.splits)
        return {**row, "at": time.time(), "replicate_steps": taken, "true": self._true()}

    def _true(self) -> float:
        with np.load(os.environ[TRUTH]) as truth:
            images, expected, noise, weights = (truth[name] for name in ("images", "expected", "noise", "weights"))
        edge = (images.shape[1] - self._pack.config.model.image_size) // 2
        inner = images[:, edge : images.shape[1] - edge, edge : images.shape[2] - edge] if edge else images
        scale = 255 if images.dtype == np.uint8 else 1
        ensemble = ensemble_of(self._pack.config, expected.shape[1], self._pack.weights())
        with torch.no_grad():
            predicted = ensemble(torch.from_numpy(inner.copy()).float() / scale).numpy()
        squares = np.where(np.isfinite(expected), np.square(predicted - np.nan_to_num(expected)) + noise, 0.0)
        return float(np.sqrt((squares * weights).sum() / weights.sum()))


def _begin_anew(pack: Pack, inherited: dict[str, Any], model: ModelConfig) -> Inheritance:
    """In place of `Pack.inherit`: the networks have new weights, at the same step."""
    state = pack.state()
    pack.load_state({**state, "step": inherited["step"]})
    first = next(iter(state["replicates"].values()))
    return Inheritance(Network(pack.config.model, first["net"], {}), 0, 0, exact=False)
