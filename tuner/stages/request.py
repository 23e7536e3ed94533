"""What a run was asked for, checked as far as it can be without training."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.document import read_document
from tuner.errors import InputError
from tuner.results.policy import Policy
from tuner.results.strategy import Strategy
from tuner.seeding import seed_of
from tuner.stages.design import Design, check_disk_budget, prepare

if TYPE_CHECKING:
    from tuner.folder import Folder
    from tuner.results.experiment import Experiment


def checked_design(options: argparse.Namespace) -> Design:
    """The design of a run's options.

    Raises:
        InputError: something is wrong with them, or with what they name.
    """
    if options.retry_failed and not options.resume:
        raise InputError("--retry-failed goes with --resume: it tries the failed trials of an experiment again")
    strategy, experiment = Strategy.of(vars(options)), open_experiment(options)
    seed, policy = seed_of(options.seed, options.group, options.name), Policy.of(vars(options))
    files = (options.config, options.mutations, options.depth, options.data)
    design = prepare(*files, experiment, seed, policy, strategy)
    check_disk_budget(options.disk_budget, design.entries)
    return design


def announced(options: argparse.Namespace, manifest: dict[str, Any], design: Design) -> list[str]:
    """What is said before anything is trained.

    Raises:
        InputError: the experiment to resume began with something else.
    """
    from tuner.reporting.summary import announcement

    lines = announcement(design.dataset, design.found, design.base, design.strategy)
    if options.resume:
        from tuner.results.unchanged import check_unchanged, other_versions

        begun = design.experiment.manifest()
        check_unchanged(manifest, begun)
        lines += other_versions(manifest, begun)
    return lines


def open_experiment(options: argparse.Namespace) -> "Experiment":
    """The experiment's folder, new or, with `--resume`, begun.

    Raises:
        InputError: it is there and should not be, or the other way round.
    """
    from tuner.results.experiment import Experiment

    experiment = Experiment.at(options.storage, options.group, options.name)
    folder = experiment.folder
    if options.resume:
        experiment.manifest()
    elif not options.dry_run:
        refuse_begun(folder)
    for place in (folder.local, *folder.local.parents) if folder.local else ():
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is a file; --storage takes the folder that experiments are kept in")
    return experiment


def refuse_begun(folder: "Folder") -> None:
    """Nothing happens if the folder is not there, or holds nothing but a lock.

    Raises:
        InputError: it holds something else.
    """
    from tuner.results.files import LOCK, MANIFEST

    if set(folder.names()) - {LOCK}:
        attach = "" if folder.local else ", see by tuner attach whether it runs"
        cure = f"go on with it by --resume{attach}" if folder.exists(MANIFEST) else "it is not an experiment: remove it"
        raise InputError(f"the experiment {folder.uri} exists; {cure}, or choose another --name")


def make_manifest(options: argparse.Namespace, command: list[str], design: Design) -> dict[str, Any]:
    """What is asked for, as the experiment's manifest."""
    from tuner.results.manifest import Plan

    dataset = design.dataset
    plan = Plan(
        command=shlex.join(command),
        options={**vars(options), **vars(design.strategy)},
        seed=options.seed,
        depth=options.depth,
        base=design.base,
        mutations=read_document(options.mutations).values,
        variants={entry.name: list(entry.mutations) for entry in design.entries},
        data=dataset.source if dataset.simulated or "://" in dataset.source else str(Path(dataset.source).resolve()),
        fingerprint=dataset.fingerprint,
        neurons=dataset.neurons,
    )
    return plan.manifest()
