"""The promotion alone: the winner of an experiment, retrained and exported."""

if __name__ == "__main__":  # the other imports take a while
    from tuner import interrupts

    interrupts.own_process()

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tuner.command import add_experiment, execute, make_parser, positive_int, say, seed_number
from tuner.errors import InputError
from tuner.results.policy import ENSEMBLES, RULES, Policy

if TYPE_CHECKING:
    from tuner.dataset.load import Dataset
    from tuner.results.experiment import Experiment


def main(arguments: list[str]) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    from tuner.results.experiment import Experiment

    experiment = Experiment.at(options.storage, options.group, options.name)
    manifest = experiment.manifest()
    from tuner.results.lock import held

    with held(experiment.folder, say):
        promote_again(experiment, manifest, options)


def promote_again(experiment: "Experiment", manifest: dict[str, Any], options: argparse.Namespace) -> None:
    """The experiment holds another bundle of its winner."""
    policy = Policy.of(vars(options), recorded=manifest.get("options"))
    needed = [key for key in ("seed", "data", "fingerprint") if key not in manifest]
    if needed:
        raise InputError(f"{experiment.folder.uri}/manifest.yaml has no {needed[0]}")
    dataset = recorded_dataset(manifest, options.data)
    from tuner.promotion.retrain import in_turn
    from tuner.results.origin import describe_data
    from tuner.seeding import seed_of
    from tuner.stages.conclude import conclude, here
    from tuner.stages.configs import check_configs

    check_configs(experiment, dataset)
    say(describe_data(dataset))
    seed = manifest["seed"] if options.seed is None else options.seed
    seed = seed_of(seed, options.group, options.name)
    conclude(experiment, dataset, policy, seed=seed, promoted=True, do=here, each=in_turn)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = make_parser(
        "retrain",
        "Retrains the winner of an experiment on all labelled images and exports it to the experiment's best/.",
        "python -m tuner.retrain -g demo -n first --seeds 10",
    )
    add_experiment(made)
    made.add_argument("--seeds", type=positive_int, help="networks in the bundle; as in the run, if not given")
    made.add_argument("--rule", choices=RULES, help="how the winner is chosen; as in the run, if not given")
    made.add_argument("--ensemble", choices=ENSEMBLES, help="whose networks; as in the run, if not given")
    made.add_argument("--seed", type=seed_number, help="decides everything random; the experiment's, if not given")
    made.add_argument("--data", help="folder of the data set, if it has moved")
    return made


def recorded_dataset(manifest: dict[str, Any], folder: str | None) -> "Dataset":
    """The data set that the experiment was run on.

    Raises:
        InputError: it is not there, or is another by now.
    """
    from tuner.dataset.load import find_dataset

    dataset = find_dataset(manifest["data"] if folder is None else folder)
    if dataset.fingerprint != manifest["fingerprint"]:
        wanted = manifest["fingerprint"]
        raise InputError(
            f"{dataset.source} is not this experiment's data: its fingerprint is {dataset.fingerprint}, not {wanted}"
        )
    return dataset


if __name__ == "__main__":
    sys.exit(execute("retrain", main, sys.argv[1:]))
