"""A design whose trials are not trained: how far off each variant's predictions are is given."""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.out_of_fold import FILE, OutOfFold, no_evaluations
from tuner.folder import Folder
from tuner.mutation.expand import Expansion
from tuner.promotion.retrain import in_turn
from tuner.raytune.stopper import Limits
from tuner.raytune.trials import Trials
from tuner.results.arrays import write_responses
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.results.policy import Policy
from tuner.results.record import TrialRecord
from tuner.seeding import seed_of
from tuner.settings import replaced
from tuner.stages.conclude import here
from tuner.stages.design import Design

SEED = 5


@dataclass(frozen=True)
class Call:
    """What trials were asked for."""

    place: str
    entries: tuple[Entry, ...]
    seeds: Mapping[str, int]
    limits: Limits

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)


@dataclass
class FakeCrew:
    """Stands in for `Crew`; its trials end at once.

    Attributes:
        dataset: What the predictions are of.
        levels: Variant to the standard deviation of its errors at the end of its curve.
        log: As `Crew` has it.
        failing: Place to the variants whose trials fail there, as `round-1`.
        stopped: Place to the variants whose time is up there after one evaluation.
        patience: Trials until the user interrupts; None if never.
        workers: As `Crew` has them; these do it here.
        calls: What was asked for.
        trained: Place and variant of every trial that was begun.
    """

    dataset: Dataset
    levels: dict[str, float]
    log: Path
    failing: dict[str, set[str]] = field(default_factory=dict)
    stopped: dict[str, set[str]] = field(default_factory=dict)
    patience: int | None = None
    workers: Any = field(default_factory=lambda: SimpleNamespace(do=here, each=in_turn))
    calls: list[Call] = field(default_factory=list)
    trained: list[tuple[str, str]] = field(default_factory=list)

    def keep_log(self, folder: Folder) -> None:
        """See `Crew.keep_log`."""

    def run(self, trials: Trials, records: tuple[TrialRecord, ...]) -> frozenset[str]:
        """See `Crew.run`."""
        experiment, entries, seeds = trials.experiment, trials.entries, trials.seeds
        place = Path(experiment.folder.uri).name
        self.calls.append(Call(place, entries, seeds, trials.limits))
        ended = {record.variant for record in records if record.ended}
        for entry in entries:
            if entry.name in ended:
                continue
            if self.patience is not None:
                self.patience -= 1
                if self.patience < 0:
                    break
            self.trained.append((place, entry.name))
            if entry.name in self.failing.get(place, set()):
                experiment.mark_failed(entry.name, "out of memory")
            else:
                self._measure(experiment, entry, seeds[entry.name], only_one=entry.name in self.stopped.get(place, ()))
            ended.add(entry.name)
        return frozenset(ended)

    def _measure(self, experiment: Experiment, entry: Entry, seed: int, *, only_one: bool) -> None:
        training, responses = entry.config.training, self.dataset.responses
        steps = np.arange(training.eval_steps, training.max_steps + 1, training.eval_steps)
        splits = make_splits(entry.config.data, len(responses), entry.name)
        folds = no_evaluations(splits, *responses.shape).folds
        rng = np.random.default_rng(seed_of(seed, entry.name))
        errors = self.levels[entry.name] * rng.standard_normal((len(folds), *responses.shape))
        predictions = [np.nan_to_num(responses) + errors * (1 + 2 / step) for step in steps]
        if only_one:
            steps, predictions = steps[:1], predictions[:1]
        curve = OutOfFold(steps, np.where(folds[None, :, :, None] >= 0, predictions, np.nan).astype(np.float32), folds)
        rows = [self._row(int(step), curve.at(int(step))) for step in steps]
        rows[-1] |= {"done": True} if only_one else {"ending": "max_steps"}
        trial = experiment.folder / entry.name
        trial.write("result.json", "".join(f"{json.dumps(row)}\n" for row in rows))
        for number in range(max(0, len(steps) - 2), len(steps)):
            upto = OutOfFold(curve.steps[: number + 1], curve.predictions[: number + 1], folds)
            trial.write(f"checkpoint_{number:06d}/{FILE}", upto.dump())

    def _row(self, step: int, predictions: np.ndarray) -> dict[str, object]:
        squares = np.square(predictions - self.dataset.responses)
        found = dict.fromkeys(self.dataset.neurons, 0.5)
        rmse = float(np.sqrt(np.nanmean(squares)))
        neuron = dict.fromkeys(("rmse", "correlation", "r2"), found)
        return {"step": step, "rmse": rmse, "rmse_se": 0.01, "train_rmse": 0.1, "neuron": neuron, "time_total_s": 3.0}


@pytest.fixture
def trials(dataset: Dataset, tmp_path: Path) -> FakeCrew:
    """Of a control, two variants as good as each other, and a hopeless one."""
    return FakeCrew(dataset, {"base": 0.3, "good": 0.25, "fine": 0.26, "bad": 2.0}, tmp_path / "run.log")


@pytest.fixture
def design(config: Config, dataset: Dataset, tmp_path: Path, trials: FakeCrew) -> Design:
    """Not begun; the variants are of one config with other learning rates."""
    experiment = Experiment.at(str(tmp_path / "results"), "group", "name")
    entries = tuple(
        Entry(
            name,
            replaced(config, {"training": replaced(config.training, {"learning_rate": 0.01 + 0.001 * number})}),
            (f"rate-{number}",) if number else (),
        )
        for number, name in enumerate(trials.levels)
    )
    return Design(config, Expansion((), (), ()), entries, dataset, experiment, SEED, Policy(finalists=4, seeds=2))


@pytest.fixture
def manifest(design: Design) -> dict[str, object]:
    """What the commands need of it."""
    return {
        "command": "tuner run",
        "options": {**vars(design.policy), "max_concurrent": None},
        "seed": 0,
        "data": "nowhere",
        "fingerprint": design.dataset.fingerprint,
        "variants": {entry.name: list(entry.mutations) for entry in design.entries},
        "versions": {"tuner": "0"},
    }


@pytest.fixture
def searched(design: Design, manifest: dict[str, object], trials: FakeCrew) -> Design:
    """The search has ended."""
    design.experiment.begin(manifest, design.entries, origin_of(design.dataset, design.seed))
    write_responses(design.experiment.folder, design.dataset)
    seeds = {entry.name: seed_of(design.seed, entry.name) for entry in design.entries}
    trials.run(Trials(design.experiment, design.entries, seeds), ())
    trials.calls.clear()
    trials.trained.clear()
    return design


@pytest.fixture
def root_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python's log is afterwards what it was before, and its files are closed."""
    opened = list[logging.FileHandler]()

    class Remembered(logging.FileHandler):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.append(self)

    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "FileHandler", Remembered)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    yield
    for handler in opened:
        handler.close()
