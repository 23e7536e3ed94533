"""The search: base config x mutations -> trials -> leaderboard -> bundle."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import argparse
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tuner import interrupts
from tuner.command import add_experiment, execute, make_parser, say, typed
from tuner.errors import Interrupted
from tuner.stages.budget import Budget
from tuner.stages.design import Design
from tuner.stages.options import add_run
from tuner.stages.request import announced, checked_design, make_manifest, refuse_begun
from tuner.stages.spending import Spending, kept, purse_of, spending_for

if TYPE_CHECKING:
    from tuner.raytune.resources import Resources


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    try:
        run(options, ["tuner", "run", *arguments])
    except (KeyboardInterrupt, Interrupted):
        from tuner.results.experiment import Experiment
        from tuner.results.files import MANIFEST

        begun = Experiment.at(options.storage, options.group, options.name).folder.exists(MANIFEST)
        resume = " --resume" if begun and not options.resume and not options.dry_run else ""
        raise Interrupted(f"go on with: {typed('run', arguments)}{resume}") from None


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "run",
        "Trains every variant of a base config, shows which is best, retrains it on all images and exports it.",
        "python -m tuner.run -g demo -n first",
    )
    add_experiment(made)
    add_run(made)
    made.add_argument("--address", help="a running Ray cluster, such as auto; one is started here, if not given")
    return made


def run(options: argparse.Namespace, command: list[str]) -> None:
    """Everything that can be wrong with the input is checked before anything is written."""
    begun, design = time.monotonic(), checked_design(options)
    experiment, manifest = design.experiment, make_manifest(options, command, design)
    spending = spending_for(options.address, experiment.folder, options.max_cost)
    lines = announced(options, manifest, design)
    if options.dry_run:
        dry_run(design, options, lines)
        return
    from tuner.results.lock import held

    with held(experiment.folder, say):
        if not options.resume:
            refuse_begun(experiment.folder)  # by another process, a moment ago
        say(*lines)
        budget = Budget(options.time_budget, begun, purse_of(spending, options.max_cost))
        carry_out(design, options, None if options.resume else manifest, budget, spending)


def dry_run(design: Design, options: argparse.Namespace, lines: list[str]) -> None:
    """The variants are shown, and on a cluster what they may cost; nothing is written."""
    from tuner.reporting.tables import variant_table

    say(*lines, variant_table(design.entries, design.dataset))
    if options.address is not None:
        from tuner.stages.forecast import forecast

        retrain, patience_s = not options.no_retrain, options.spot_patience
        say(*forecast(design, resources_of(options), options.address, promoted=retrain, patience_s=patience_s))


def carry_out(
    design: Design,
    options: argparse.Namespace,
    manifest: dict[str, Any] | None,
    budget: Budget,
    spending: Spending | None = None,
) -> None:
    """Search, finals and promotion; of an experiment that was begun (no manifest) only what is left of them."""
    from tuner.dataset.change import changes
    from tuner.results.files import BUNDLE, BUNDLE_FILES, MEASURED, VERDICT
    from tuner.stages.conclude import conclude, tell, verdict_of

    folder, retrain = design.experiment.folder, not options.no_retrain
    if options.retry_failed:
        from tuner.stages.search import begin_again

        say(begin_again(design.experiment))
    needed = [MEASURED, VERDICT, *(f"{BUNDLE}/{name}" for name in BUNDLE_FILES if retrain)]
    if manifest is None and all(folder.exists(name) for name in needed):
        say("this experiment is finished: nothing is left to do")
        tell(design.experiment, verdict_of(design.experiment, design.policy))
        return
    from tuner.stages.crew import crew_for
    from tuner.stages.finals import finals
    from tuner.stages.on_cluster import log_kept, looked_after
    from tuner.stages.search import search

    crew = crew_for(
        design.dataset,
        resources_of(options),
        options.address,
        folder,
        retry_failed=options.retry_failed,
        disk_budget=options.disk_budget,
    )
    patience, watchers = options.spot_patience, (spending.watch,) if spending else ()
    cluster = nullcontext() if options.address is None else looked_after(crew, folder, patience, *watchers)
    with interrupts.in_order("" if options.resume else "--resume"), log_kept(crew, folder), kept(spending), cluster:
        search(design, crew, manifest, budget)
        interrupts.heed()
        changed = changes(design.dataset)
        say(*changed)
        finals(design, crew.run, budget, say, promoted=retrain)
        interrupts.heed()
        folder.write(MEASURED, "the search and the finals have ended\n")
        say(*(line for line in changes(design.dataset) if line not in changed))
        conclude(
            design.experiment,
            design.dataset,
            design.policy,
            seed=design.seed,
            promoted=retrain,
            do=crew.workers.do,
            each=crew.workers.each,
            settle=spending.write if spending else lambda: None,
        )


def resources_of(options: argparse.Namespace) -> "Resources":
    """What trials may use."""
    from tuner.raytune.resources import Resources

    return Resources(options.cpus_per_trial, options.gpus_per_trial, options.max_concurrent)


if __name__ == "__main__":
    sys.exit(execute("run", main, sys.argv[1:]))
