"""The trainable that every search and scheduler shares."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ray import tune

from tuner.config import Config
from tuner.cost import cost_of
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.checkpoint import FILE, Checkpoint, read_checkpoint, write_checkpoint
from tuner.engine.loop import Report
from tuner.engine.pack import Pack
from tuner.engine.process import own_process
from tuner.engine.training import Training
from tuner.results.record import row_of
from tuner.settings import build


class ConvTrial(tune.Trainable):
    """Evaluates one variant: a training iteration is one evaluation interval of its pack.

    Its config holds one key, `variant`: a mapping with the variant's `name`, its `seed`, and its `config` as plain
    values.
    """

    _dataset: Dataset
    _training: Training
    _reports: Iterator[Report]

    def setup(  # type: ignore[override]  # Ray hands over what `tune.with_parameters` was given
        self, config: dict[str, Any], dataset: Dataset, threads: int, gpu: bool
    ) -> None:
        """The actor is ready for its first trial.

        Args:
            config: See the class.
            dataset: Shared through Ray's object store.
            threads: That training may use.
            gpu: Whether it may use a GPU.
        """
        self._dataset = dataset
        self._device = own_process(threads, gpu=gpu)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The actor is ready for another trial."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One evaluation interval."""
        report = next(self._reports)
        return {**row_of(report, self._dataset.neurons), "macs": self._macs, "done": report.ending is not None}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The folder holds what this trial goes on from; Ray then copies it to the storage, and deletes it."""
        write_checkpoint(Path(checkpoint_dir, FILE), self._training.checkpoint(), durable=False)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """The trial goes on from the folder."""
        self._begin(self.config, read_checkpoint(Path(str(checkpoint), FILE)))

    def _begin(self, config: dict[str, Any], checkpoint: Checkpoint | None = None) -> None:
        name, variant = config["variant"]["name"], build(Config, config["variant"]["config"])
        self._macs = cost_of(variant.model, len(self._dataset.neurons)).macs
        splits = make_splits(variant.data, len(self._dataset.labelled), name)
        pack = Pack(variant, self._dataset, splits, seed=config["variant"]["seed"], device=self._device)
        self._training = Training(pack, self._dataset.responses, checkpoint)
        self._reports = self._training.reports()
