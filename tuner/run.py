"""The search: base config x mutations -> trials -> leaderboard -> bundle."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import interrupts
from tuner.command import (
    add_experiment,
    amount,
    duration,
    execute,
    finalists_number,
    make_parser,
    positive_int,
    say,
    seed_number,
    size,
)
from tuner.document import read_document
from tuner.errors import InputError, Interrupted
from tuner.results.policy import ENSEMBLES, RULES, Policy
from tuner.results.strategy import BRED, OBJECTIVES, SAMPLERS, SAMPLES, SCHEDULERS, SEARCHES, STARTS, Strategy
from tuner.seeding import seed_of
from tuner.stages.budget import Budget
from tuner.stages.job import Job, check_disk_budget, prepare

SEARCH_HELP = "grid tries all variants, random draws some, optuna learns from those before, pbt goes on from its best"
SAMPLES_HELP = (
    f"variants beside the base config, for random and optuna, and that pbt begins with; {SAMPLES}, if not given, or "
    f"{STARTS} times pbt's population"
)
SCHEDULER_HELP = "which of Ray Tune's schedulers ends trials early that are worse than others; never the base config's"
OBJECTIVE_HELP = "what optuna makes low: the RMSE, or also the multiply-adds of an image's forward pass"
POPULATION_HELP = f"trials of pbt that go on, the base config among them; {BRED['population']}, if not given"
INTERVAL_HELP = "training steps of pbt between two replacements of its worst members; max_steps / 8, if not given"
QUANTILE_HELP = f"share of pbt's members that are replaced each time; {BRED['quantile']}, if not given"
STRUCTURAL_HELP = f"how likely a mutation of pbt changes layers, not other settings; {BRED['structural']}, if not given"
DISK_HELP = "of the experiment's folder, such as 10G: checkpoints that no trial goes on from go first"
FINALS_HELP = "variants in the finals; auto: the better half of them, and 8 at most; 0: no finals"
ENSEMBLE_HELP = (
    "networks of the winner, of all finalists as good as the best, or auto: whichever the finals say is better"
)

if TYPE_CHECKING:
    from tuner.raytune.cluster import Resources
    from tuner.results.experiment import Experiment
    from tuner.results.folder import Folder


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    try:
        run(options, ["tuner", "run", *arguments])
    except (KeyboardInterrupt, Interrupted):
        from tuner.results.experiment import Experiment
        from tuner.results.files import MANIFEST

        begun = Experiment.at(options.storage, options.group, options.name).folder.exists(MANIFEST)
        resume = ["--resume"] if begun and not options.resume and not options.dry_run else []
        raise Interrupted(f"go on with: {shlex.join(['python', '-m', 'tuner.run', *arguments, *resume])}") from None


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "run",
        "Trains every variant of a base config, shows which is best, retrains it on all images and exports it.",
        "python -m tuner.run -g demo -n first",
    )
    add_experiment(made)
    made.add_argument("--config", default="base_configs/default.yaml", help="base config")
    made.add_argument("--mutations", default="mutations/default.yaml", help="mutations file")
    made.add_argument("--data", default="data", help="folder with stim.npy and train.csv, or 'simulated'")
    made.add_argument("--search", choices=SEARCHES, default="grid", help=SEARCH_HELP)
    made.add_argument("--samples", type=positive_int, metavar="N", help=SAMPLES_HELP)
    made.add_argument("--scheduler", choices=SCHEDULERS, default="none", help=SCHEDULER_HELP)
    made.add_argument("--sampler", choices=SAMPLERS, help="Optuna's; tpe, if not given, or nsga2 for two objectives")
    made.add_argument("--objective", choices=OBJECTIVES, default="rmse", help=OBJECTIVE_HELP)
    made.add_argument("--population", type=positive_int, metavar="N", help=POPULATION_HELP)
    made.add_argument("--interval", type=positive_int, metavar="STEPS", help=INTERVAL_HELP)
    made.add_argument("--quantile", type=amount, help=QUANTILE_HELP)
    made.add_argument("--structural", type=amount, metavar="P", help=STRUCTURAL_HELP)
    made.add_argument("--depth", type=positive_int, default=1, help="longest sequence of mutations")
    made.add_argument("--cpus-per-trial", type=amount, default=1.0, help="CPUs of a trial")
    made.add_argument(
        "--gpus-per-trial", type=amount, help="GPUs of a trial; half of one where there is one, if not given"
    )
    made.add_argument("--max-concurrent", type=positive_int, help="trials at a time; as many as fit, if not given")
    made.add_argument("--seed", type=seed_number, default=0, help="decides everything random")
    made.add_argument(
        "--finals", dest="finalists", type=finalists_number, default="auto", metavar="N|auto", help=FINALS_HELP
    )
    made.add_argument("--rounds", type=positive_int, default=2, help="of the finals, at most: repeats of 5 folds")
    made.add_argument("--rule", choices=RULES, default="one_se", help="how the winner is chosen among the finalists")
    made.add_argument("--time-budget", type=duration, help="for everything, such as 30m; without end, if not given")
    made.add_argument("--disk-budget", type=size, metavar="SIZE", help=DISK_HELP)
    made.add_argument("--seeds", type=positive_int, default=5, help="networks in the bundle, at least")
    made.add_argument("--ensemble", choices=ENSEMBLES, default="auto", help=ENSEMBLE_HELP)
    made.add_argument("--address", help="a running Ray cluster, such as auto; one is started here, if not given")
    made.add_argument("--resume", action="store_true", help="go on with an experiment that was interrupted")
    made.add_argument("--retry-failed", action="store_true", help="with --resume: try failed trials again, too")
    made.add_argument("--dry-run", action="store_true", help="show the variants and train nothing")
    made.add_argument("--no-retrain", action="store_true", help="end with the leaderboard")
    return made


def run(options: argparse.Namespace, command: list[str]) -> None:
    """Everything that can be wrong with the input is checked before anything is written."""
    if options.retry_failed and not options.resume:
        raise InputError("--retry-failed goes with --resume: it tries the failed trials of an experiment again")
    strategy = Strategy.of(vars(options))
    budget, experiment = Budget(options.time_budget), open_experiment(options)
    seed, policy = seed_of(options.seed, options.group, options.name), Policy.of(vars(options))
    files = (options.config, options.mutations, options.depth, options.data)
    job = prepare(*files, experiment, seed, policy, strategy)
    check_disk_budget(options.disk_budget, job.entries)
    manifest = make_manifest(options, command, job)
    from tuner.reporting.summary import announcement

    lines = announcement(job.dataset, job.found, job.base, job.strategy)
    if options.resume:
        from tuner.results.unchanged import check_unchanged, other_versions

        begun = experiment.manifest()
        check_unchanged(manifest, begun)
        lines += other_versions(manifest, begun)
    if options.dry_run:
        from tuner.reporting.tables import variant_table

        say(*lines, variant_table(job.entries, job.dataset))
        return
    from tuner.results.lock import held

    with held(experiment.folder, say):
        if not options.resume:
            refuse_begun(experiment.folder)  # by another process, a moment ago
        say(*lines)
        carry_out(job, options, None if options.resume else manifest, budget)


def carry_out(job: Job, options: argparse.Namespace, manifest: dict[str, Any] | None, budget: Budget) -> None:
    """Search, finals and promotion; of an experiment that was begun (no manifest) only what is left of them."""
    from tuner.dataset.change import changes
    from tuner.results.files import BUNDLE, BUNDLE_FILES, MEASURED, VERDICT
    from tuner.stages.conclude import conclude, tell, verdict_of

    folder, retrain = job.experiment.folder, not options.no_retrain
    if options.retry_failed:
        from tuner.stages.search import begin_again

        say(begin_again(job.experiment))
    needed = [MEASURED, VERDICT, *(f"{BUNDLE}/{name}" for name in BUNDLE_FILES if retrain)]
    if manifest is None and all(folder.exists(name) for name in needed):
        say("this experiment is finished: nothing is left to do")
        tell(job.experiment, verdict_of(job.experiment, job.policy))
        return
    from tuner.raytune.workers import on_worker, on_workers
    from tuner.stages.crew import close_log, crew_for
    from tuner.stages.finals import finals
    from tuner.stages.search import search

    crew = crew_for(
        job.dataset,
        resources_of(options),
        options.address,
        folder,
        retry_failed=options.retry_failed,
        disk_budget=options.disk_budget,
    )
    with interrupts.in_order("" if options.resume else "--resume"):
        search(job, crew, manifest, budget)
        interrupts.heed()
        changed = changes(job.dataset)
        say(*changed)
        finals(job, crew.run, budget, say, promoted=retrain)
        interrupts.heed()
        folder.write(MEASURED, "the search and the finals have ended, or their time was up\n")
        say(*(line for line in changes(job.dataset) if line not in changed))
        conclude(
            job.experiment, job.dataset, job.policy, seed=job.seed, promoted=retrain, do=on_worker, each=on_workers
        )
    close_log(crew, folder)


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
        cure = "go on with it by --resume" if folder.exists(MANIFEST) else "it is not an experiment: remove it"
        raise InputError(f"the experiment {folder.uri} exists; {cure}, or choose another --name")


def resources_of(options: argparse.Namespace) -> "Resources":
    """What trials may use."""
    from tuner.raytune.cluster import Resources

    return Resources(options.cpus_per_trial, options.gpus_per_trial, options.max_concurrent)


def make_manifest(options: argparse.Namespace, command: list[str], job: Job) -> dict[str, Any]:
    """What is asked for, as the experiment's manifest."""
    from tuner.results.manifest import Plan

    dataset = job.dataset
    plan = Plan(
        command=shlex.join(command),
        options={**vars(options), **vars(job.strategy)},
        seed=options.seed,
        depth=options.depth,
        base=job.base,
        mutations=read_document(options.mutations).values,
        variants={entry.name: list(entry.mutations) for entry in job.entries},
        data=dataset.source if dataset.simulated else str(Path(dataset.source).resolve()),
        fingerprint=dataset.fingerprint,
        neurons=dataset.neurons,
    )
    return plan.manifest()


if __name__ == "__main__":
    sys.exit(execute("run", main, sys.argv[1:]))
