"""Where the wall time of a search goes: what share of it is neither training nor evaluation.

    python -m benchmarks.orchestration [--data ../shared/v4] [--json FILE]

A search of 24 variants runs as `tuner.run` runs it, on 2 CPUs, one a trial, and each actor notes when it does what. The
time of both slots is counted from when the first actor is ready to the last result or checkpoint. The tail, in which
fewer trials than slots are left, is told apart. The law is 5 %.
"""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import yaml

from benchmarks.account import circumstances, save, table
from tuner.raytune import ray_tuner
from tuner.raytune.resources import Resources, start_ray
from tuner.raytune.trainable import ConvTrial
from tuner.results.experiment import Experiment
from tuner.results.policy import Policy
from tuner.stages.budget import Budget
from tuner.stages.crew import crew_for
from tuner.stages.design import Design, prepare
from tuner.stages.search import search

ROOT = Path(__file__).parents[1]
SLOTS = 2
WORK = ("training", "evaluation")
TAIL = "tail: no trial left for the slot"
OTHERS = "start of the other actor, after the first is ready"
GAPS = {
    ("setup", "train"): "waiting: from a trial's start to its first step",
    ("reset", "train"): "waiting: from a trial's start to its first step",
    ("train", "save"): "waiting: from a result to its checkpoint",
    ("save", "train"): "waiting: from a checkpoint to the next step",
    ("train", "train"): "waiting: from a result to the next step",
    ("save", "reset"): "waiting: from a trial's end to the next trial",
    ("train", "reset"): "waiting: from a trial's end to the next trial",
}
LABELS = {
    "setup": "start of an actor in another's place",
    "reset": "next trial: pack",
    "train": "Ray's bookkeeping around a step",
    "copy best": "copy of the best weights",
    "save": "Ray's copy of the checkpoint to storage",
    "write": "checkpoint: write",
    "copy state": "checkpoint: copy of the state",
}


@dataclass(frozen=True)
class Span:
    """What an actor did, from when to when (seconds since the epoch), at which depth of calls."""

    name: str
    start: float
    end: float
    depth: int


class Notes:
    """The spans of this process, a line each in a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / f"{os.getpid()}.jsonl").open("a", buffering=1)
        self._depth = 0

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """What happens meanwhile is noted under this name."""
        start, self._depth = time.time(), self._depth + 1
        try:
            yield
        finally:
            self._depth -= 1
            self._file.write(json.dumps([name, start, time.time(), self._depth]) + "\n")

    def noted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, each call noted under this name."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.span(name):
                return function(*args, **kwargs)

        return call


def noting(folder: Path) -> type[ConvTrial]:
    """The trainable, with notes of when it does what; a local class travels to the actors by value."""

    class NotingTrial(ConvTrial):
        def setup(self, config: dict[str, Any], **parameters: Any) -> None:  # type: ignore[override]
            self._notes = Notes(folder)
            with self._notes.span("setup"):
                super().setup(config, **parameters)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            with self._notes.span("reset"):
                return super().reset_config(new_config)

        def train(self) -> Any:
            with self._notes.span("train"):
                return super().train()  # type: ignore[no-untyped-call]

        def step(self) -> dict[str, Any]:
            with self._notes.span("evaluation"):  # less what is noted within
                return super().step()

        def save(self, checkpoint_dir: str | None = None) -> Any:
            with self._notes.span("save"):
                return super().save(checkpoint_dir)

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            with self._notes.span("write"):
                super().save_checkpoint(checkpoint_dir)

        def _begin(self, *args: Any) -> None:
            super()._begin(*args)
            pack: Any = self._training.pack
            pack.train = self._notes.noted("training", pack.train)
            pack.weights = self._notes.noted("copy best", pack.weights)
            pack.state = self._notes.noted("copy state", pack.state)

    return NotingTrial


def design_of(options: argparse.Namespace, folder: Path) -> Design:
    """A control and as many mutations of the learning rate and of the last layer's dropout as are asked for."""
    config = yaml.safe_load((ROOT / options.config).read_text())
    config["training"]["max_steps"] = options.max_steps
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rates, drops = (options.variants) // 2, (options.variants - 1) // 2
    rate, dropout = config["training"]["learning_rate"], config["model"]["logits_layer"]["dropout_rate"]
    mutations = {
        "change_training": [{"learning_rate": [round(rate * 1.1 ** (step + 1), 6) for step in range(rates)]}],
        "change_logits_layer": [{"dropout_rate": [round(dropout * 0.95 ** (step + 1), 6) for step in range(drops)]}],
    }
    (folder / "mutations.yaml").write_text(yaml.safe_dump(mutations))
    experiment = Experiment.at(str(folder / "ray_results"), "benchmark", "orchestration")
    files = str(folder / "config.yaml"), str(folder / "mutations.yaml")
    return prepare(*files, 1, options.data, experiment, seed=1, policy=Policy())


def run(options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], list[list[Span]]]:
    """Seconds beside the slots' time, and each actor's spans in the order of their ends."""
    notes = folder / "notes"
    notes.mkdir()
    design = design_of(options, folder)
    assert len(design.entries) == options.variants, len(design.entries)
    ray_tuner.ConvTrial = noting(notes)  # type: ignore[attr-defined]
    start_ray(None, num_cpus=SLOTS, num_gpus=0)
    before, begun = time.process_time(), time.time()
    manifest = {"variants": {entry.name: list(entry.mutations) for entry in design.entries}}
    crew = crew_for(design.dataset, Resources(cpus_per_trial=1, gpus_per_trial=0), None, design.experiment.folder)
    search(design, crew, manifest, Budget(None))
    beside = {"driver_cpu": time.process_time() - before}
    actors = [[Span(*json.loads(line)) for line in path.read_text().splitlines()] for path in sorted(notes.iterdir())]
    beside["to_the_first_actor"] = min(spans[0].end for spans in actors) - begun
    beside["after_the_last_result"] = time.time() - max(spans[-1].end for spans in actors)
    return beside, actors


def exclusive(spans: list[Span]) -> dict[str, float]:
    """Seconds by name, each span without those within it."""
    seconds: dict[str, float] = defaultdict(float)
    inner: dict[int, float] = {}
    for span in spans:
        took = span.end - span.start
        seconds[span.name] += took - inner.pop(span.depth + 1, 0.0)
        inner[span.depth] = inner.get(span.depth, 0.0) + took
    return seconds


def gaps(spans: list[Span]) -> dict[str, float]:
    """Seconds between an actor's calls, by what they wait for."""
    calls = [span for span in spans if span.depth == 0]
    seconds: dict[str, float] = defaultdict(float)
    for one, other in pairwise(calls):
        seconds[GAPS.get((one.name, other.name), f"waiting: {one.name} to {other.name}")] += other.start - one.end
    return seconds


def account(actors: list[list[Span]]) -> dict[str, float]:
    """Seconds of all slots by what they were used for, from when the first actor is ready."""
    ready = [spans[0].end for spans in actors]
    ends = [spans[-1].end for spans in actors]
    start, end = min(ready), max(ends)
    seconds: dict[str, float] = defaultdict(float)
    for spans in actors:
        for name, took in (*exclusive(spans[1:]).items(), *gaps(spans).items()):
            seconds[LABELS.get(name, name)] += took
    seconds[TAIL] = sum(end - each for each in sorted(ends)[-SLOTS:])
    seconds[OTHERS] = SLOTS * (end - start) - sum(seconds.values())
    return dict(seconds)


def shares(seconds: dict[str, float]) -> tuple[float, float]:
    """The share of the slots' time that is neither training nor evaluation: without the tail, and with it."""
    total = sum(seconds.values())
    work = sum(seconds[name] for name in WORK)
    return 1 - work / (total - seconds[TAIL]), 1 - work / total


def show(seconds: dict[str, float], beside: dict[str, float]) -> None:
    total = sum(seconds.values())
    ordered = sorted(seconds.items(), key=lambda item: (item[0] not in WORK, -item[1]))
    rows = [(name, f"{took:.2f}", f"{100 * took / total:.2f}") for name, took in ordered]
    print(table(("what", f"s of {SLOTS} slots", "%"), rows))
    without, with_tail = shares(seconds)
    print(f"\nneither training nor evaluation: {100 * without:.2f} % (with the tail {100 * with_tail:.2f} %)")
    print(f"counted: {total / SLOTS:.1f} s; until the first actor was ready: {beside['to_the_first_actor']:.1f} s;")
    print(f"after the last result: {beside['after_the_last_result']:.1f} s; driver's CPU: {beside['driver_cpu']:.1f} s")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="base_configs/v4.yaml", help="base config")
    parser.add_argument("--data", default="simulated", help="folder of a data set, or 'simulated'")
    parser.add_argument("--variants", type=int, default=24, help="at least 3")
    parser.add_argument("--max-steps", type=int, default=12)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    return parser.parse_args()


def main() -> None:
    options = parse()
    told = circumstances("orchestration")
    print(*(f"{name}: {value}" for name, value in told.items()), sep="\n", end="\n\n")
    with tempfile.TemporaryDirectory() as folder:
        beside, actors = run(options, Path(folder))
    seconds = account(actors)
    show(seconds, beside)
    without, with_tail = shares(seconds)
    found = {"share": without, "share_with_tail": with_tail, "seconds": seconds, "seconds_beside": beside}
    save(options.json, {**told, **found})


if __name__ == "__main__":
    main()
