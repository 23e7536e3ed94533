"""What a run can be asked for."""

import argparse

from tuner.command import amount, dollars, duration, finalists_number, positive_int, seed_number, size
from tuner.results.policy import ENSEMBLES, RULES
from tuner.results.strategy import BRED, OBJECTIVES, SAMPLERS, SAMPLES, SCHEDULERS, SEARCHES, STARTS

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
DRY_HELP = "show the variants, and on a cluster what they may cost, for which some are trained for seconds"
COST_HELP = "that the experiment may cost on a cluster of ray up, all its runs together; without end, if not given"
DISK_HELP = "of the experiment's folder, such as 10G: checkpoints that no trial goes on from go first"
PATIENCE_HELP = "on a cluster: how long trials wait for spot instances before they get others"
FINALS_HELP = "variants in the finals; auto: the better half of them, and 8 at most; 0: no finals"
ENSEMBLE_HELP = (
    "networks of the winner, of all finalists as good as the best, or auto: whichever the finals say is better"
)


def add_run(made: argparse.ArgumentParser) -> None:
    """The options of a run, but for those that say where."""
    made.add_argument("--config", default="base_configs/default.yaml", help="base config")
    made.add_argument("--mutations", default="mutations/default.yaml", help="mutations file")
    made.add_argument("--data", default="data", help="folder with stim.npy and train.csv, or its URI, or 'simulated'")
    made.add_argument("--search", choices=SEARCHES, default="grid", help=SEARCH_HELP)
    made.add_argument("--samples", type=positive_int, metavar="N", help=SAMPLES_HELP)
    made.add_argument("--scheduler", choices=SCHEDULERS, default="none", help=SCHEDULER_HELP)
    made.add_argument("--sampler", choices=SAMPLERS, help="Optuna's; tpe, if not given, or nsga2 for two objectives")
    made.add_argument("--objective", choices=OBJECTIVES, default="rmse", metavar="rmse|rmse,macs", help=OBJECTIVE_HELP)
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
    made.add_argument("--seed", type=seed_number, default=0, help="decides everything random, with group and name")
    made.add_argument(
        "--finals", dest="finalists", type=finalists_number, default="auto", metavar="N|auto", help=FINALS_HELP
    )
    made.add_argument("--rounds", type=positive_int, default=2, help="of the finals, at most: repeats of 5 folds")
    made.add_argument("--rule", choices=RULES, default="one_se", help="how the winner is chosen among the finalists")
    made.add_argument("--time-budget", type=duration, help="for everything, such as 30m; without end, if not given")
    made.add_argument("--max-cost", type=dollars, metavar="DOLLARS", help=COST_HELP)
    made.add_argument("--spot-patience", type=duration, default="10m", metavar="TIME", help=PATIENCE_HELP)
    made.add_argument("--disk-budget", type=size, metavar="SIZE", help=DISK_HELP)
    made.add_argument("--seeds", type=positive_int, default=5, help="networks in the bundle, at least")
    made.add_argument("--ensemble", choices=ENSEMBLES, default="auto", help=ENSEMBLE_HELP)
    made.add_argument("--resume", action="store_true", help="go on with an experiment that was interrupted")
    made.add_argument("--retry-failed", action="store_true", help="with --resume: try failed trials again, too")
    made.add_argument("--dry-run", action="store_true", help=DRY_HELP)
    made.add_argument("--no-retrain", action="store_true", help="end with the leaderboard")
