"""The same variants as trials of ours, cross-validated."""

import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import torch

from benchmarks.curve import Event, Point, Scores, curve_of, improvements
from benchmarks.plain import images_of
from benchmarks.quality_task import Task, name_of
from tuner.config import Config
from tuner.engine.checkpoint import read_checkpoint
from tuner.promotion.ensemble import ensemble_of
from tuner.raytune.launch import run_trials
from tuner.raytune.resources import Resources, check_resources, start_ray
from tuner.raytune.trials import Conditions, Trials
from tuner.reporting.tensorboard import TensorBoardWriter
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.results.record import Measurement
from tuner.seeding import seed_of


class Recorder:
    """Notes when each evaluation arrived, and keeps the checkpoints of those that were best so far.

    Ray deletes all but the last checkpoints, so links to its files keep it; a checkpoint is written once its
    evaluation has been told, and before the next one of the same trial is.
    """

    def __init__(self, kept: Path) -> None:
        self.start = time.perf_counter()
        self.events: list[Event] = []
        self._kept = kept
        self._wanted: dict[str, tuple[Path, Path]] = {}

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """A trial was evaluated."""
        seconds = time.perf_counter() - self.start
        self._keep(variant)
        evaluation = sum(event.trial == variant for event in self.events)
        event = Event(seconds, variant, evaluation, measurement.rmse)
        self.events.append(event)
        if improvements(self.events)[-1:] == (event,):
            self._wanted[variant] = (folder / f"checkpoint_{evaluation:06d}", self.checkpoint(event))

    def ended(self, variant: str, error: str) -> None:
        """A trial ended."""

    def checkpoint(self, event: Event) -> Path:
        """Where an event's checkpoint is kept, if it was the best so far."""
        return self._kept / f"{event.trial}-{event.evaluation}"

    def finish(self) -> None:
        """Every checkpoint that is wanted is kept."""
        for variant in tuple(self._wanted):
            self._keep(variant)

    def _keep(self, variant: str) -> None:
        if variant in self._wanted:
            written, kept = self._wanted.pop(variant)
            kept.mkdir()
            for file in written.iterdir():
                (kept / file.name).hardlink_to(file)


def our_search(task: Task) -> tuple[float, tuple[Point, ...]]:
    """How long the trials took, and their curve: the mean of the best variant's fold networks, at its best step."""
    configs = {name_of(variant): task.config_of(variant) for variant in task.variants}
    entries = tuple(Entry(name, config, ()) for name, config in configs.items())
    start_ray(None, num_cpus=task.cpus, num_gpus=0)
    with tempfile.TemporaryDirectory() as folder:
        experiment, kept = Experiment.at(folder, "benchmark", "ours"), Path(folder, "kept")
        kept.mkdir()
        manifest: dict[str, Any] = {"variants": {entry.name: [] for entry in entries}}
        experiment.begin(manifest, entries, origin_of(task.dataset, task.seed))
        recorder, writer = Recorder(kept), TensorBoardWriter(configs, {})
        seeds = {entry.name: seed_of(task.seed, entry.name) for entry in entries}
        conditions = Conditions(task.dataset, check_resources(Resources(cpus_per_trial=1)))
        recorder.start = time.perf_counter()
        run_trials(Trials(experiment, entries, seeds), conditions, (recorder, writer))
        seconds = time.perf_counter() - recorder.start
        recorder.finish()
        curve = curve_of(recorder.events, lambda event: _scores(task, configs[event.trial], recorder, event))
    ray.shutdown()
    return seconds, curve


def _scores(task: Task, config: Config, recorder: Recorder, event: Event) -> Scores:
    weights = read_checkpoint(recorder.checkpoint(event)).best_weights
    images = images_of(task.private_images_BHWC, config.model.image_size)
    ensemble = ensemble_of(config, len(task.dataset.neurons), weights)
    with torch.no_grad():
        singles = [task.private_rmse(net(images)) for net in ensemble.nets]
        together = task.private_rmse(ensemble(images.permute(0, 2, 3, 1)))
    return together, math.sqrt(statistics.fmean(single**2 for single in singles))
