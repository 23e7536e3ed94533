"""A trial that trains nothing: what `ConvTrial` hands to Ray, without its work."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune

from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal
from tuner.raytune.assignment import name_of
from tuner.results.history import CARRIED
from tuner.results.record import RMSE_BEST

NEURONS = tuple(f"neuron_{number:02}" for number in range(18))
ENDLESS = 10**9


@dataclass(frozen=True)
class Idleness:
    """What trials do instead of training.

    Attributes:
        seconds: Of an evaluation interval.
        checkpoint_bytes: Of its weights.
        steps: Name of a variant to how many evaluations its trial has; the others have no end.
    """

    seconds: float
    checkpoint_bytes: int
    steps: Mapping[str, int]


def row_at(step: int, *, done: bool) -> dict[str, Any]:
    """A row of the real shape; its numbers have as many digits as real ones."""
    values = dict.fromkeys(NEURONS, 0.3141592653589793 + step * 1e-7)
    rmse = 0.3333333333333333 + 0.1 / step
    return {
        "step": step,
        "rmse": rmse,
        RMSE_BEST: rmse,
        "rmse_se": 0.0123456789012345,
        "train_rmse": rmse,
        "ending": "converged" if done else "",
        "neuron": {metric: dict(values) for metric in ("rmse", "correlation", "r2")},
        "macs": 123456789,
        "done": done,
    }


def idle_trial(idleness: Idleness) -> Any:
    """The trainable; a local class travels to the actors by value, and PyTorch is not imported there."""

    class IdleTrial(tune.Trainable):
        def setup(self, config: dict[str, Any], **parameters: Any) -> None:
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._step, self._rows = 0, list[str]()
            self._last_step = idleness.steps.get(name_of(new_config), ENDLESS)
            return True

        def step(self) -> dict[str, Any]:
            time.sleep(idleness.seconds if self._last_step == ENDLESS else 0)
            self._step += 1
            return row_at(self._step, done=self._step >= self._last_step)

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            assert self._last_result is not None, "a step comes before"
            row = {name: value for name, value in self._last_result.items() if name != "config"}
            self._rows.append(json.dumps(row, default=str))
            carried = "".join(f"{row}\n" for row in self._rows).encode()
            files = {"checkpoint.pt": os.urandom(idleness.checkpoint_bytes), "out_of_fold.npz": os.urandom(30_000)}
            files[CARRIED] = carried
            seal = Seal.of(self._step, files).dump().encode()
            for name, content in (*files.items(), (SEAL, seal)):
                Path(checkpoint_dir, name).write_bytes(content)

        def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
            raise NotImplementedError("no trial of the benchmark is interrupted")

    return IdleTrial
