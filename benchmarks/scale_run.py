"""Runs trials that train nothing as `tuner.run` runs trials, and measures the process that looks after them.

    python -m benchmarks.scale_run '{"storage": "/tmp/results", "trials": 100, "slots": 8, "seconds": 10}'

Prints what it found, as JSON.
"""

import contextlib
import dataclasses
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ray
from ray.cluster_utils import Cluster

from benchmarks.scale_meter import Meter, Spent, between
from benchmarks.scale_trial import Idleness, idle_trial
from tuner.config import load_config
from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset, simulated_dataset
from tuner.folder import Folder
from tuner.raytune import ray_tuner
from tuner.raytune.relay import Relay
from tuner.raytune.resources import Resources, check_resources, start_ray
from tuner.raytune.stopper import Limits
from tuner.raytune.trials import Conditions, Trials
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.seeding import seed_of
from tuner.settings import replaced
from tuner.stages.crew import Crew

BASE = Path(__file__).parents[1] / "base_configs" / "v4.yaml"


@dataclass(frozen=True)
class Setting:
    """One run.

    Attributes:
        storage: A folder or a URI.
        trials: In the list; all but as many as there are slots end with their first result.
        slots: Actors at a time.
        seconds: For which the others are watched.
        interval_s: Between two results of one of them, at least.
        checkpoint_bytes: Of its weights.
        nodes: Raylets that the slots are spread over; 0 is Ray as it starts on one machine.
    """

    storage: str
    trials: int
    slots: int
    seconds: float
    interval_s: float = 0.2
    checkpoint_bytes: int = 100_000
    nodes: int = 0


@dataclass(frozen=True)
class Found:
    """What a run showed.

    Attributes:
        results: In the time watched.
        seconds: Watched.
        watched: What was spent in that time.
        short: Trials that ended with their first result.
        starting: What was spent, until all of them had ended.
        starting_s: How long that took.
        before_s: From the call to the first result: folders, records, Ray's list, the first actor.
        after_s: From the end of the time watched to the return.
        state_bytes: Of Ray's experiment state, and of our snapshot.
    """

    results: int
    seconds: float
    watched: dict[str, Spent]
    short: int
    starting: dict[str, Spent]
    starting_s: float
    before_s: float
    after_s: float
    state_bytes: tuple[int, int]


@dataclass
class _Clock:
    """Says when the time watched begins and ends, by the results that come."""

    meter: Meter
    setting: Setting
    seen: int = 0
    trials: set[str] = dataclasses.field(default_factory=set)
    first_at: float = 0.0
    begun: tuple[float, int, dict[str, Spent]] | None = None
    ended: tuple[float, int, dict[str, Spent]] | None = None

    @property
    def _now(self) -> tuple[float, int, dict[str, Spent]]:
        return time.perf_counter(), self.seen, self.meter.now()

    def came(self, trial: str) -> None:
        """There is one result more; the time watched begins once all trials have had one."""
        self.seen += 1
        self.trials.add(trial)
        self.first_at = self.first_at or time.perf_counter()
        if self.begun is None and len(self.trials) == self.setting.trials:
            self.begun = self._now

    def over(self) -> bool:
        """Whether the time watched is over."""
        if self.ended is None and self.begun and time.perf_counter() - self.begun[0] > self.setting.seconds:
            self.ended = self._now
        return self.ended is not None


def entries_of(trials: int, dataset: Dataset) -> tuple[Entry, ...]:
    """Variants of as many learning rates."""
    base = fitted(load_config(BASE), dataset)
    rates = (base.training.learning_rate * 1.001**number for number in range(trials))
    configs = (replaced(base, {"training": replaced(base.training, {"learning_rate": rate})}) for rate in rates)
    return tuple(Entry(f"learning_rate-{number:04}", config, ()) for number, config in enumerate(configs))


@contextlib.contextmanager
def cluster_of(nodes: int, slots: int) -> Iterator[None]:
    """Ray runs meanwhile, and has the slots."""
    if not nodes:
        start_ray(None, num_cpus=slots, num_gpus=0)
        yield
        ray.shutdown()
        return
    small: dict[str, Any] = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    for _ in range(nodes):
        cluster.add_node(num_cpus=slots // nodes, **small)
    start_ray(cluster.address)
    yield
    ray.shutdown()
    cluster.shutdown()


def run(setting: Setting, name: str) -> Found:
    """Ray runs, and has the slots."""
    dataset = dataclasses.replace(simulated_dataset(), images=simulated_dataset().images[:8])  # no trial looks at them
    entries = entries_of(setting.trials, dataset)
    short = {entry.name: 1 for entry in entries[: setting.trials - setting.slots]}
    idleness = Idleness(setting.interval_s, setting.checkpoint_bytes, short)
    experiment = Experiment(Folder.at(setting.storage) / "scale" / name)
    clock = _Clock(meter := Meter(), setting)
    on_result = Relay.on_trial_result

    def counting(relay: Relay, *args: Any, **info: Any) -> None:
        clock.came(info["trial"].trial_id)
        on_result(relay, *args, **info)

    begun = time.perf_counter()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        patch.object(ray_tuner, "ConvTrial", idle_trial(idleness)),
        patch.object(Relay, "on_trial_result", counting),
        meter.everywhere(),
    ):
        experiment.begin({"variants": {entry.name: [] for entry in entries}}, entries, origin_of(dataset, 1))
        described = meter.now()
        seeds = {entry.name: seed_of(1, entry.name) for entry in entries}
        trials = Trials(experiment, entries, seeds, Limits(money_spent=clock.over))
        resources = check_resources(Resources(cpus_per_trial=1, gpus_per_trial=0, max_concurrent=setting.slots))
        Crew(Conditions(dataset, resources), Path()).run(trials, experiment.records())
    returned = time.perf_counter()
    assert clock.begun, "all trials began"
    assert clock.ended, "all trials were watched"
    return Found(
        results=clock.ended[1] - clock.begun[1],
        seconds=clock.ended[0] - clock.begun[0],
        watched=between(clock.begun[2], clock.ended[2]),
        short=len(short),
        starting=between(described, clock.begun[2]),
        starting_s=clock.begun[0] - clock.first_at,
        before_s=clock.first_at - begun,
        after_s=returned - clock.ended[0],
        state_bytes=_state_bytes(experiment),
    )


def _state_bytes(experiment: Experiment) -> tuple[int, int]:
    sizes = {name: len(experiment.folder.read_bytes(name)) for name in experiment.folder.files()}
    states = (size for name, size in sizes.items() if name.startswith("experiment_state"))
    return max(states, default=0), sizes.get("snapshot.zip", 0)


def main() -> None:
    setting = Setting(**json.loads(sys.argv[1]))
    with cluster_of(setting.nodes, setting.slots):
        found = run(setting, f"{setting.trials}-{setting.slots}-{os.getpid()}")
    print(json.dumps(dataclasses.asdict(found)))


if __name__ == "__main__":
    main()
