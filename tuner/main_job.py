"""The search from input to bundle: what `tuner.run` calls, one stage a function.

What functions import here takes seconds to import (torch, Ray), or is not needed to say that the input is wrong.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.command import hold_log, log_to, say
from tuner.config import Config, load_config
from tuner.document import read_document
from tuner.errors import ConfigError, InputError, Interrupted, TunerError
from tuner.mutation.expand import Expansion, Variant, expansion
from tuner.mutation.space import load_mutations

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.raytune.launch import Resources
    from tuner.results.experiment import Entry, Experiment


@dataclass(frozen=True)
class Job:
    """What is searched, on what data, and where the results go.

    Attributes:
        base: The base config.
        found: Its variants.
        entries: The same, with the data's number of neurons in their configs; the control is first.
        dataset: What they are trained on.
        experiment: Where results go.
        seed: The experiment's: made of `--seed`, group and name.
    """

    base: Config
    found: Expansion
    entries: "tuple[Entry, ...]"
    dataset: "Dataset"
    experiment: "Experiment"
    seed: int


def prepare(config: str, mutations: str, depth: int, data: str, experiment: "Experiment", seed: int) -> Job:
    """The job, checked as far as it can be without training.

    Raises:
        InputError: a file is wrong, or a variant does not fit the data.
    """
    base = load_config(config)
    found = expansion(base, load_mutations(mutations), depth=depth)
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(data)
    entries = tuple(_fitted(variant, dataset, config) for variant in found.variants)
    return Job(base, found, entries, dataset, experiment, seed)


def search(job: Job, manifest: dict[str, Any] | None, resources: "Resources", address: str | None) -> None:
    """Every trial has ended.

    Args:
        job: What to search.
        manifest: Of a new experiment; None goes on with one that was begun.
        resources: As asked for.
        address: Of a running Ray cluster; None starts Ray here.

    Raises:
        Interrupted: trials are left.
    """
    from tuner.raytune.launch import check_resources, run_trials, start_ray
    from tuner.reporting.progress import Progress
    from tuner.reporting.tensorboard import TensorBoardWriter
    from tuner.results.experiment import FailureMarks
    from tuner.results.origin import origin_of

    hold_log()
    start_ray(address)
    resources = check_resources(resources)
    origin = origin_of(job.dataset, job.seed)
    if manifest is not None:
        job.experiment.begin(manifest, job.entries, origin)
    records = job.experiment.records()
    before = {record.variant for record in records if record.ended}
    best = {record.variant: record.best for record in records if record.best is not None}
    folder = job.experiment.folder
    log = folder.local / "run.log" if folder.local else Path(tempfile.mkdtemp(), "run.log")
    log_to(log)
    with Progress(tuple(entry.name for entry in job.entries), len(before), best) as progress:
        writer = TensorBoardWriter({entry.name: entry.config for entry in job.entries}, best)
        ended = run_trials(
            job.experiment,
            job.entries,
            job.dataset,
            seed=job.seed,
            resources=resources,
            listeners=(progress, writer, FailureMarks(job.experiment)),
            resume=manifest is None,
        )
    if folder.local is None:
        folder.write("run.log", log.read_text())
    if len(before | ended) < len(job.entries):
        raise Interrupted


def conclude(job: Job, *, seeds: int, address: str | None, retrain: bool) -> None:
    """The leaderboard is written, the winner is promoted if it is to be, and both are told of.

    Raises:
        TunerError: every trial failed, or the promotion did.
    """
    from tuner.promotion.promote import promote
    from tuner.raytune.launch import on_worker, start_ray
    from tuner.reporting.summary import summary
    from tuner.reporting.tables import leaderboard
    from tuner.results.experiment import BUNDLE, LEADERBOARD
    from tuner.seeding import seed_of
    from tuner.selection.decide import decide, mean_predictor_rmse
    from tuner.selection.rules import ranked

    folder, records = job.experiment.folder, job.experiment.records()
    folder.write(LEADERBOARD, leaderboard(ranked(records), mean_predictor_rmse(job.entries, job.dataset)))
    try:
        verdict = decide(job.entries, records, job.dataset)
    except TunerError as error:
        raise TunerError(f"{error}; the reasons are in run.log and the variants' error.txt in {folder.uri}") from None
    if retrain:
        say(f"retraining {verdict.record.variant} on {len(job.dataset.labelled)} images, number of networks: {seeds}")
        start_ray(address)
        on_worker(promote, verdict, job.dataset, folder, seeds=seeds, seed=seed_of(job.seed, "retrain"))
    say(*summary(verdict, job.dataset, folder, promoted=folder.exists(BUNDLE)))


def is_finished(experiment: "Experiment", *, retrain: bool) -> bool:
    """Whether every trial has ended and, if there is to be a bundle, it is there."""
    from tuner.results.experiment import BUNDLE

    ended = all(record.ended for record in experiment.records())
    return ended and (not retrain or experiment.folder.exists(BUNDLE))


def _fitted(variant: Variant, dataset: "Dataset", config_file: str) -> "Entry":
    from tuner.dataset.fit import fitted
    from tuner.results.experiment import Entry

    try:
        config = fitted(variant.config, dataset, variant.name)
    except ConfigError as error:
        where = variant.mutations[-1].where if variant.mutations else read_document(config_file).at(error.path)
        raise InputError(f"{where}: {variant.name} does not fit the data: {error}") from None
    return Entry(variant.name, config, tuple(mutation.name for mutation in variant.mutations))
