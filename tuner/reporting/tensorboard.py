"""TensorBoard's view of a trial: scalars a training step, and hyper-parameters."""

import math
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from tuner.config import Config
from tuner.hyper_parameters import differing, hyper_parameters
from tuner.results.record import Measurement


class TensorBoardWriter:
    """Writes each trial's events into its folder.

    Args:
        configs: Variant name to config; may grow.
        best: The best evaluation of each that was measured before.
        examples: Configs that may come: what they differ in is shown of all.
    """

    def __init__(
        self, configs: Mapping[str, Config], best: Mapping[str, Measurement], examples: tuple[Config, ...] = ()
    ) -> None:
        tables = [hyper_parameters(config) for config in examples or configs.values()]
        self._configs, self._shown = configs, differing(tables) or {name for table in tables for name in table}
        self._writers: dict[str, SummaryWriter] = {}
        self._lowest = {variant: measurement.rmse for variant, measurement in best.items()}

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """One evaluation stands in the trial's events."""
        if variant not in self._writers:
            self._writers[variant] = SummaryWriter(str(folder), flush_secs=5)
            if measurement.descent is None:  # a population's member has one config after the other
                self._describe(variant)
        writer, step = self._writers[variant], measurement.step
        writer.add_scalar("all_neurons/rmse_eval", measurement.rmse, step)
        writer.add_scalar("all_neurons/rmse_train", measurement.train_rmse, step)
        for metric, values in (("rmse", measurement.neuron_rmse), ("correlation", measurement.neuron_correlation)):
            for neuron, value in zip(measurement.neurons, values, strict=True):
                writer.add_scalar(f"neuron_{metric}/{neuron}", value, step)
        descent = measurement.descent
        if descent is not None and descent.inherited:
            text = f"from {descent.donor}: {' and '.join(descent.mutations) or 'no mutation'}; {descent.inherited}"
            writer.add_text("population/goes on", text, descent.step)
        if measurement.rmse < self._lowest.get(variant, math.inf):
            self._lowest[variant] = measurement.rmse
            writer.add_scalar("all_neurons/rmse_best", measurement.rmse, step)

    def ended(self, variant: str, error: str) -> None:
        """The trial's events are complete."""
        writer = self._writers.pop(variant, None)
        if writer is not None:
            writer.close()

    def _describe(self, variant: str) -> None:
        """The hyper-parameters that differ between the variants, with the lowest RMSE so far beside them."""
        writer = self._writers[variant].file_writer
        assert writer is not None
        table = hyper_parameters(self._configs[variant])
        shown = {name: value for name, value in table.items() if name in self._shown}
        for summary in hparams(shown, {"all_neurons/rmse_best": 0.0}):
            writer.add_summary(summary)
