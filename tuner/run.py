"""The search: base config x mutations -> trials -> leaderboard -> bundle."""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.command import amount, duration_s, execute, hold_log, log_to, make_parser, positive_int, say, seed_number
from tuner.config import Config, load_config
from tuner.document import read_document
from tuner.errors import ConfigError, InputError, Interrupted, TunerError
from tuner.mutation.expand import Expansion, Variant, expansion
from tuner.mutation.space import load_mutations

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.results.experiment import Entry, Experiment

# What functions import here takes seconds to import (torch, Ray), or is not needed to say that the input is wrong.


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    try:
        run(options, ["tuner", "run", *arguments])
    except (KeyboardInterrupt, Interrupted):
        again = shlex.join(["python", "-m", "tuner.run", *arguments, *([] if options.resume else ["--resume"])])
        raise Interrupted(f"go on with: {again}") from None


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "run",
        "Trains every variant of a base config, shows which is best, retrains it on all images and exports it.",
        "python -m tuner.run -g demo -n first",
    )
    made.add_argument("-g", "--group", required=True, help="experiment group")
    made.add_argument("-n", "--name", required=True, help="experiment name")
    made.add_argument("--config", default="base_configs/default.yaml", help="base config")
    made.add_argument("--mutations", default="mutations/default.yaml", help="mutations file")
    made.add_argument("--data", default="data", help="folder with stim.npy and train.csv, or 'simulated'")
    made.add_argument("--search", choices=["grid"], default="grid", help="how variants are chosen: grid tries all")
    made.add_argument("--depth", type=positive_int, default=1, help="longest sequence of mutations")
    made.add_argument("--cpus-per-trial", type=amount, default=1.0, help="CPUs of a trial")
    made.add_argument(
        "--gpus-per-trial", type=amount, help="GPUs of a trial; half of one where there is one, if not given"
    )
    made.add_argument("--max-concurrent", type=positive_int, help="trials at a time; as many as fit, if not given")
    made.add_argument(
        "--time-budget", type=duration_s, help="when the search ends, such as 30m; the promotion comes after it"
    )
    made.add_argument("--seed", type=seed_number, default=0, help="decides everything random")
    made.add_argument("--seeds", type=positive_int, default=5, help="networks in the bundle")
    made.add_argument("--address", help="a running Ray cluster, such as auto; one is started here, if not given")
    made.add_argument(
        "--storage",
        default="ray_results",
        help="where experiments are kept: a folder, or a URI such as s3://bucket/path",
    )
    made.add_argument("--resume", action="store_true", help="go on with an experiment that was interrupted")
    made.add_argument("--dry-run", action="store_true", help="show the variants and train nothing")
    made.add_argument("--no-retrain", action="store_true", help="end with the leaderboard")
    return made


def run(options: argparse.Namespace, command: list[str]) -> None:
    """Everything that can be wrong with the input is checked before anything is written."""
    base, mutations = load_config(options.config), load_mutations(options.mutations)
    found = expansion(base, mutations, depth=options.depth)
    experiment = open_experiment(options)
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(options.data)
    entries = fit_entries(found, dataset, options.config)
    from tuner.reporting.summary import announcement

    manifest = make_manifest(options, command, base, found, dataset)
    if options.resume:
        from tuner.results.manifest import check_unchanged

        check_unchanged(manifest, experiment.manifest())
    say(*announcement(dataset, found, base))
    if options.dry_run:
        from tuner.reporting.tables import variant_table

        say(variant_table(entries, dataset))
        return
    search(options, experiment, entries, dataset, manifest)
    conclude(options, experiment, entries, dataset)


def open_experiment(options: argparse.Namespace) -> "Experiment":
    """The experiment's folder, new or, with `--resume`, begun.

    Raises:
        InputError: it is there and should not be, or the other way round.
    """
    from tuner.results.experiment import Experiment

    experiment = Experiment.at(options.storage, options.group, options.name)
    if options.resume:
        experiment.manifest()
    elif not options.dry_run and experiment.exists:
        raise InputError(
            f"the experiment {experiment.folder.uri} exists; go on with it by --resume, or choose another --name"
        )
    for place in experiment.folder.local.parents if experiment.folder.local else ():
        if place.is_file():
            raise InputError(f"{place} is a file; --storage takes the folder that experiments are kept in")
    return experiment


def fit_entries(found: Expansion, dataset: "Dataset", config_file: str) -> tuple["Entry", ...]:
    """The variants with the data's number of neurons in them.

    Raises:
        InputError: one does not fit the data; it names the line that is to blame.
    """
    from tuner.dataset.fit import fitted
    from tuner.results.experiment import Entry

    def entry(variant: Variant) -> Entry:
        try:
            config = fitted(variant.config, dataset)
        except ConfigError as error:
            where = variant.mutations[-1].where if variant.mutations else read_document(config_file).at(error.path)
            raise InputError(f"{where}: {variant.name} does not fit the data: {error}") from None
        return Entry(variant.name, config, tuple(mutation.name for mutation in variant.mutations))

    return tuple(entry(variant) for variant in found.variants)


def make_manifest(
    options: argparse.Namespace, command: list[str], base: Config, found: Expansion, dataset: "Dataset"
) -> dict[str, Any]:
    """What is asked for, as the experiment's manifest."""
    from tuner.results.manifest import Plan

    plan = Plan(
        command=shlex.join(command),
        options=dict(vars(options)),
        seed=options.seed,
        depth=options.depth,
        base=base,
        mutations=read_document(options.mutations).values,
        variants={variant.name: [mutation.name for mutation in variant.mutations] for variant in found.variants},
        data=dataset.source if dataset.simulated else str(Path(dataset.source).resolve()),
        fingerprint=dataset.fingerprint,
        neurons=dataset.neurons,
    )
    return plan.manifest()


def search(
    options: argparse.Namespace,
    experiment: "Experiment",
    entries: tuple["Entry", ...],
    dataset: "Dataset",
    manifest: dict[str, Any],
) -> None:
    """Every trial has ended.

    Raises:
        Interrupted: some have not, and no time budget explains it.
    """
    from tuner.raytune.launch import Resources, check_resources, run_trials, start_ray
    from tuner.reporting.progress import Progress
    from tuner.reporting.tensorboard import TensorBoardWriter
    from tuner.seeding import seed_of

    hold_log()
    start_ray(options.address)
    resources = check_resources(
        Resources(options.cpus_per_trial, options.gpus_per_trial, options.max_concurrent, options.time_budget)
    )
    if not options.resume:
        experiment.begin(manifest, entries)
    before = {record.variant for record in experiment.records() if record.status in ("finished", "diverged")}
    log = experiment.folder.local / "run.log" if experiment.folder.local else Path(tempfile.mkdtemp(), "run.log")
    log_to(log)
    seed = seed_of(options.seed, options.group, options.name)
    with Progress(tuple(entry.name for entry in entries), len(before)) as progress:
        listeners = (progress, TensorBoardWriter({entry.name: entry.config for entry in entries}))
        ended = run_trials(
            experiment, entries, dataset, seed=seed, resources=resources, listeners=listeners, resume=options.resume
        )
    if experiment.folder.local is None:
        experiment.folder.write("run.log", log.read_text())
    if len(before | ended) < len(entries) and options.time_budget is None:
        raise Interrupted


def conclude(
    options: argparse.Namespace, experiment: "Experiment", entries: tuple["Entry", ...], dataset: "Dataset"
) -> None:
    """The leaderboard is written, the winner is promoted, and both are told of.

    Raises:
        TunerError: every trial failed, or the promotion did.
    """
    from tuner.promotion.promote import promote
    from tuner.raytune.launch import on_worker
    from tuner.reporting.summary import summary
    from tuner.reporting.tables import leaderboard
    from tuner.results.experiment import LEADERBOARD
    from tuner.seeding import seed_of
    from tuner.selection.decide import decide, mean_predictor_rmse
    from tuner.selection.rules import ranked

    records = experiment.records()
    experiment.folder.write(LEADERBOARD, leaderboard(ranked(records), mean_predictor_rmse(entries, dataset)))
    try:
        verdict = decide(entries, records, dataset)
    except TunerError as error:
        raise TunerError(
            f"{error}; why, is in run.log and in the variants' error.txt in {experiment.folder.uri}"
        ) from None
    if not options.no_retrain:
        say(f"retraining {verdict.record.variant}: {options.seeds} networks on all {len(dataset.labelled)} images")
        seed = seed_of(options.seed, options.group, options.name, "retrain")
        on_worker(promote, verdict, dataset, experiment.folder, seeds=options.seeds, seed=seed)
    say(*summary(verdict, dataset, experiment.folder, promoted=not options.no_retrain))


if __name__ == "__main__":
    sys.exit(execute(main, sys.argv[1:]))
