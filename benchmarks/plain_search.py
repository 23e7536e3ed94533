"""The search that one writes after Ray Tune's tutorials: a grid, one split of 20 images, early stopping on them."""

import itertools
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from benchmarks.curve import Event, Point, Scores, curve_of
from benchmarks.plain import CENTRE, Responses, images_of, loader_of, masked_mse, plain_net, train_step, transform_of
from benchmarks.quality_task import Settings, Task
from tuner.config import DataConfig
from tuner.dataset.splits import make_splits
from tuner.engine.images import mean_response

FILE = "net.pt"


class Recorder(tune.Callback):
    """Notes when each evaluation arrived, and where its checkpoint lies."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.events: list[Event] = []
        self.folders: dict[str, Path] = {}
        self.settings: dict[str, Settings] = {}

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Ray's hook."""
        seconds = time.perf_counter() - self.start
        self.events.append(Event(seconds, trial.trial_id, result["training_iteration"] - 1, result["rmse"]))
        self.folders[trial.trial_id] = Path(trial.storage.trial_fs_path)
        self.settings[trial.trial_id] = trial.config["settings"]


def train_variant(config: dict[str, Any], task: Task) -> None:
    """Trains one network until its RMSE on 20 held-out images has not improved for a while; reports each evaluation."""
    torch.manual_seed(task.seed)
    variant, dataset = task.config_of(config["settings"]), task.dataset
    (split,) = make_splits(DataConfig(eval_size=20, random_seed=task.seed), len(dataset.labelled))
    training = variant.training
    images = images_of(dataset.images[dataset.labelled], variant.model.image_size)
    responses = torch.tensor(dataset.responses)
    transform = transform_of(variant.data.distortions)
    loader = loader_of(Responses(images[split.train], responses[split.train], transform), training.batch_size)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))  # epoch after epoch
    held_out_images, held_out_responses = CENTRE(images[split.held_out]), responses[split.held_out]
    net = plain_net(variant.model, mean_response(responses[split.train]))
    optimizer = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
    best, waited, step = math.inf, 0, 0
    while step < training.max_steps and waited < training.early_stopping_evals:
        for batch in itertools.islice(batches, training.eval_steps):
            train_step(net, optimizer, *batch)
        step += training.eval_steps
        net.eval()
        with torch.no_grad():
            rmse = math.sqrt(masked_mse(net(held_out_images), held_out_responses).item())
        best, waited = (rmse, 0) if rmse < best else (best, waited + 1)
        with tempfile.TemporaryDirectory() as folder:
            torch.save(net.state_dict(), Path(folder, FILE))
            tune.report({"rmse": rmse, "step": step}, checkpoint=tune.Checkpoint.from_directory(folder))


def plain_search(task: Task) -> tuple[float, tuple[Point, ...]]:
    """How long the grid took, and its curve: the network that is best so far on the 20 images."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0"}  # nothing is sent, and little is printed
    ray.init(num_cpus=task.cpus, num_gpus=0, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder()
        trainable = tune.with_parameters(train_variant, task=task)
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"settings": tune.grid_search(list(task.variants))},  # one list: in the same order as ours
            tune_config=tune.TuneConfig(metric="rmse", mode="min"),
            run_config=tune.RunConfig(name="plain", storage_path=folder, verbose=0, callbacks=[recorder]),
        )
        recorder.start = time.perf_counter()
        tuner.fit()
        seconds = time.perf_counter() - recorder.start
        curve = curve_of(recorder.events, lambda event: _scores(task, recorder, event))
    ray.shutdown()
    return seconds, curve


def _scores(task: Task, recorder: Recorder, event: Event) -> Scores:
    config = task.config_of(recorder.settings[event.trial])
    net = plain_net(config.model, torch.zeros(len(task.dataset.neurons))).eval()
    checkpoint = recorder.folders[event.trial] / f"checkpoint_{event.evaluation:06d}" / FILE
    net.load_state_dict(torch.load(checkpoint, weights_only=True))
    with torch.no_grad():
        rmse = task.private_rmse(net(CENTRE(images_of(task.private_images_BHWC, config.model.image_size))))
    return rmse, rmse
