"""TensorBoard's view of a trial: scalars a training step, and hyper-parameters."""

import math
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from tuner.config import Config
from tuner.reporting.hyper_parameters import hyper_parameters
from tuner.results.record import Measurement


class TensorBoardWriter:
    """Writes each trial's events into its folder.

    Args:
        configs: Variant name to config.
    """

    def __init__(self, configs: Mapping[str, Config]) -> None:
        self._configs = configs
        self._writers: dict[str, SummaryWriter] = {}
        self._lowest: dict[str, float] = {}

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """One evaluation stands in the trial's events."""
        if variant not in self._writers:
            self._writers[variant] = SummaryWriter(str(folder), flush_secs=5)
            self._describe(variant)
        writer, step = self._writers[variant], measurement.step
        writer.add_scalar("rmse/eval", measurement.rmse, step)
        writer.add_scalar("rmse/train", measurement.train_rmse, step)
        for metric, values in (("rmse", measurement.neuron_rmse), ("correlation", measurement.neuron_correlation)):
            for neuron, value in zip(measurement.neurons, values, strict=True):
                writer.add_scalar(f"neuron_{metric}/{neuron}", value, step)
        if measurement.rmse < self._lowest.get(variant, math.inf):
            self._lowest[variant] = measurement.rmse
            writer.add_scalar("rmse/best", measurement.rmse, step)

    def ended(self, variant: str, error: str) -> None:
        """The trial's events are complete."""
        writer = self._writers.pop(variant, None)
        if writer is not None:
            writer.close()

    def _describe(self, variant: str) -> None:
        """The table of hyper-parameters, with the lowest RMSE so far beside them."""
        parameters = {"variant": variant, **hyper_parameters(self._configs[variant])}
        writer = self._writers[variant].file_writer
        assert writer is not None
        for summary in hparams(parameters, {"rmse/best": 0.0}):
            writer.add_summary(summary)
