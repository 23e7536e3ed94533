"""Whether what is claimed of a winner is true: many simulated experiments, where the truth is known."""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.account import circumstances, save, table
from benchmarks.honesty_task import CURVE_IMAGES, Task, luck_of, task_of, true_curve
from tuner.config import Config, DataConfig
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.process import available_cpus, own_process
from tuner.engine.training import Training
from tuner.mutation.expand import Expansion
from tuner.promotion.retrain import retrain
from tuner.raytune.trials import Trials
from tuner.results.arrays import write_responses
from tuner.results.experiment import Experiment
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import origin_of
from tuner.results.policy import RULES, Policy
from tuner.results.record import TrialRecord, row_of
from tuner.results.verdict import Rule, Verdict
from tuner.seeding import seed_of
from tuner.settings import replaced
from tuner.stages.budget import Budget
from tuner.stages.conclude import verdict_of
from tuner.stages.design import Design
from tuner.stages.finals import finals

NAIVE_IMAGES = 20


@dataclass(frozen=True)
class Outcome:
    """One experiment.

    Attributes:
        network: Claimed RMSE of one network, the ends of its interval, and the truth.
        bundle: The same for the bundle.
        better: Whether the winner is said to be better than the base config.
        truly_better: Whether its networks are.
        regret: Rule to the true RMSE of one network of what it picks, at its step, minus the lowest of the grid at any
            step.
        naive_regret: The same for the lowest RMSE on 20 images, one network a variant.
        naive_bias: What those 20 images show minus the truth.
        luck: How much harder the labelled images are than all, see `luck_of`.
        winner: Its name.
        seconds: That it took.
    """

    network: tuple[float, float, float, float]
    bundle: tuple[float, float, float, float]
    better: bool
    truly_better: bool
    regret: dict[Rule, float]
    naive_regret: float
    naive_bias: float
    luck: float
    winner: str
    seconds: float


def experiment_of(seed: int, null: bool, policy: Policy) -> Outcome:
    """One experiment from its data to the truth about its bundle."""
    start = time.perf_counter()
    own_process(1)
    task = task_of(seed, null=null)
    with tempfile.TemporaryDirectory() as folder:
        design = _searched(task, Experiment.at(folder, "honesty", "one"), policy, seed, null=null)
        verdicts = {rule: verdict_of(design.experiment, replace(policy, rule=rule)) for rule in RULES}
        verdict = verdicts[policy.rule]
        bundle = retrain(verdict.promotion.members, task.dataset, seed=seed_of(seed, "retrain"), each=_with_one_thread)
    with torch.no_grad():
        true_bundle = task.truth.rmse(bundle(task.truth.images.permute(0, 2, 3, 1)).numpy())
    truth = _truths(task, seed, null=null)
    lowest = min(min(curve.values()) for curve in truth.values())
    picked = {rule: truth[found.winner.name][found.winner.step or 0] for rule, found in verdicts.items()}
    control = next(row for row in verdict.standings if row.name == "base")
    naive_name, naive_step, shown = _naive(task, seed)
    claim, expected = verdict.claim, verdict.promotion.expected
    return Outcome(
        network=(claim.rmse, claim.low, claim.high, _true_network(task, verdict, seed)),
        bundle=(expected.rmse, expected.low, expected.high, true_bundle),
        better=verdict.is_better,
        truly_better=_is_truly_better(verdict, truth, control.step, null=null),
        regret={rule: found - lowest for rule, found in picked.items()},
        naive_regret=truth[naive_name][naive_step] - lowest,
        luck=luck_of(task),
        naive_bias=shown - truth[naive_name][naive_step],
        winner=verdict.winner.name,
        seconds=time.perf_counter() - start,
    )


def _with_one_thread(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Two threads in each of two processes spin for each other: four times as slow."""
    return [function(*arguments, threads=1) for arguments in calls]


def _searched(task: Task, experiment: Experiment, policy: Policy, seed: int, *, null: bool) -> Design:
    """Search and finals by the code of `tuner.run`, but for Ray: the trials run one after the other in this process."""
    design = Design(task.entries[0].config, Expansion((), (), ()), task.entries, task.dataset, experiment, seed, policy)
    manifest = {"variants": {entry.name: list(entry.mutations) for entry in task.entries}}
    experiment.begin(manifest, task.entries, origin_of(task.dataset, seed))
    write_responses(experiment.folder, task.dataset)
    seeds = {entry.name: seed_of(seed, entry.name) for entry in task.entries}
    _run(task, False, Trials(experiment, task.entries, seeds), ())
    finals(design, partial(_run, task, null), Budget(None), lambda line: None)
    return design


def _run(
    task: Task,
    own_seeds: bool,
    trials: Trials,
    records: tuple[TrialRecord, ...],
) -> frozenset[str]:
    """Trials without Ray; with `own_seeds`, networks of the same config are not the same in all variants."""
    for entry in trials.entries:
        given = trials.seeds[entry.name]
        seed = seed_of(given, entry.name) if own_seeds else given
        splits = make_splits(entry.config.data, len(task.dataset.labelled))
        pack = Pack(entry.config, task.dataset, splits, seed=seed, device=torch.device("cpu"))
        training = Training(pack, task.dataset.responses)
        rows = [{**row_of(found, task.dataset.neurons), "time_total_s": 0.0} for found in training.reports()]
        folder = ModelFolder(Path(trials.experiment.folder.uri) / entry.name)
        folder.save(training.checkpoint(), len(rows))
        (folder.path / "result.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return frozenset(entry.name for entry in trials.entries)


def _truths(task: Task, seed: int, *, null: bool) -> dict[str, dict[int, float]]:
    entries = task.entries[:1] if null else task.entries
    few = task.truth.of_images(CURVE_IMAGES)
    found = {entry.name: true_curve(task, entry.config, _steps(entry.config), few, seed) for entry in entries}
    return {entry.name: found.get(entry.name, found["base"]) for entry in task.entries}


def _true_network(task: Task, verdict: Verdict, seed: int) -> float:
    """The true RMSE of one network of the winner at its step, by all images."""
    config = next(entry.config for entry in task.entries if entry.name == verdict.winner.name)
    step = verdict.winner.step or 0
    return true_curve(task, config, (step,), task.truth, seed)[step]


def _steps(config: Config) -> tuple[int, ...]:
    training = config.training
    return tuple(range(training.eval_steps, training.max_steps + 1, training.eval_steps))


def _is_truly_better(
    verdict: Verdict, truth: dict[str, dict[int, float]], control_step: int | None, *, null: bool
) -> bool:
    """Whether the winner's networks are better at its step than the base config's at its own."""
    assert verdict.winner.step is not None
    assert control_step is not None
    return not null and truth[verdict.winner.name][verdict.winner.step] < truth["base"][control_step]


def _naive(task: Task, seed: int) -> tuple[str, int, float]:
    """The variant with the lowest RMSE on 20 images, one network each: its name, its best step, and what it shows."""
    data = DataConfig(folds=1, eval_size=NAIVE_IMAGES, random_seed=seed)
    shown = []
    for entry in task.entries:
        config = replaced(entry.config, {"data": data})
        splits = make_splits(data, len(task.dataset.labelled))
        pack = Pack(config, task.dataset, splits, seed=seed_of(seed, "naive", entry.name), device=torch.device("cpu"))
        best = min(Training(pack, task.dataset.responses).reports(), key=lambda report: report.accuracy.rmse)
        shown.append((best.accuracy.rmse, entry.name, best.step))
    rmse, name, step = min(shown)
    return name, step, rmse


def report(outcomes: Sequence[Outcome], *, null: bool) -> str:
    """The law's figures as a table."""
    rows = []
    for name, claims in (("network", [one.network for one in outcomes]), ("bundle", [one.bundle for one in outcomes])):
        values = np.array(claims)
        covered = (values[:, 1] <= values[:, 3]) & (values[:, 3] <= values[:, 2])
        bias = (values[:, 0] / values[:, 3] - 1) * 100
        half = (values[:, 2] - values[:, 1]) / 2 / values[:, 0] * 100
        rows += [
            [
                f"95 % interval of one {name} covers its truth" if name == "network" else "of the bundle",
                _share(covered),
            ],
            [f"bias of the {name}'s RMSE", _mean_and_error(bias)],
            ["the same, the luck of the images taken off", _mean_and_error(_without(bias, outcomes))],
            [f"half of the {name}'s interval", f"{half.mean():.1f} %"],
        ]
    better = np.array([one.better for one in outcomes])
    false = np.array([one.better and not one.truly_better for one in outcomes])
    rows += [
        ['"better than the base config" is claimed', _share(better)],
        ["and is not true", _share(false)],
    ]
    if not null:
        naive = np.mean([one.naive_regret for one in outcomes])
        for rule in RULES:
            regret = np.mean([one.regret[rule] for one in outcomes])
            rows += [[f"mean regret by {rule}", f"{regret:.5f}, {regret / naive:.2f} of that by 20 images"]]
        rows += [["mean regret of the lowest RMSE on 20 images", f"{naive:.5f}"]]
    shown = np.array([one.naive_bias for one in outcomes])
    rows += [["what 20 images show minus the truth", f"{shown.mean():+.4f} (sd {shown.std():.4f})"]]
    rows += [["seconds an experiment", f"{np.mean([one.seconds for one in outcomes]):.1f}"]]
    return table([f"{len(outcomes)} {'null ' if null else ''}experiments", ""], rows)


def _mean_and_error(values: npt.NDArray[np.float64]) -> str:
    return f"{values.mean():+.2f} ± {values.std(ddof=1) / len(values) ** 0.5:.2f} %"


def _without(bias: npt.NDArray[np.float64], outcomes: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    """The biases less what their experiments' luck explains: a control variate, whose expectation is known to be 0."""
    luck = np.array([one.luck for one in outcomes])
    values: npt.NDArray[np.float64] = bias - np.cov(bias, luck)[0, 1] / luck.var(ddof=1) * luck
    return values


def _share(found: npt.NDArray[np.bool_]) -> str:
    return f"{found.mean():.1%} ({found.sum()} of {len(found)})"


def main() -> None:
    """The benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first experiment")
    parser.add_argument("--null", action="store_true", help="all variants are the base config under other names")
    parser.add_argument("--rule", choices=RULES, default="one_se")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--processes", type=int, default=available_cpus())
    parser.add_argument("--json", type=Path, help="write every experiment there")
    options = parser.parse_args()
    policy = Policy(rule=options.rule, rounds=options.rounds)
    numbers = range(options.first, options.first + options.experiments)
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # of the processes, one each
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        found = pool.map(partial(experiment_of, null=options.null, policy=policy), numbers)
        outcomes = []
        for outcome in found:
            outcomes.append(outcome)
            print(f"{len(outcomes)}: {asdict(outcome)}", flush=True)
    print(report(outcomes, null=options.null))
    save(options.json, {**circumstances("honesty"), "outcomes": [asdict(outcome) for outcome in outcomes]})


if __name__ == "__main__":
    main()
