"""What is said of an experiment, in lines for the terminal."""

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.folder import Folder
from tuner.mutation.expand import Expansion
from tuner.reporting.figures.words import plural, schedule
from tuner.reporting.money import cost
from tuner.reporting.sentences import warning
from tuner.results.facts import BundleState
from tuner.results.files import BUNDLE, LEADERBOARD, REPORT
from tuner.results.spent import NOTHING, Spent
from tuner.results.strategy import GRID, Strategy
from tuner.results.verdict import Verdict

SHOWN = 5


def announcement(
    dataset: Dataset,
    found: Expansion,
    base: Config,
    strategy: Strategy = GRID,
) -> list[str]:
    """What is about to be searched; the first line says what data it is."""
    source = "SIMULATED data, since there is no data set" if dataset.simulated else f"data in {dataset.source}"
    data = base.data
    split = f"{data.folds} folds" if data.folds > 1 else f"{data.eval_size} images held out"
    repeats = f", {data.repeats} repeats" if data.repeats > 1 else ""
    same = [f"  {name} gives the same config as {first}: one trial" for name, first in found.repeated]
    return [
        f"{source}: {len(dataset.labelled)} labelled images of {len(dataset.images)}, {len(dataset.neurons)} neurons",
        f"{_variants(found, strategy)}; {split}{repeats}",
        *(fewer(strategy, len(found.variants) - 1) if strategy.search in ("random", "pbt") else ()),
        *_first(same),
        *_first([f"  left out: {reason}" for reason in found.impossible]),
    ]


def _variants(found: Expansion, strategy: Strategy) -> str:
    if strategy.search == "optuna" and strategy.samples is not None:
        return f"up to {plural(strategy.samples, 'variant')} that Optuna suggests, and the control `base`"
    if strategy.population is not None:
        first = max(strategy.population, len(found.variants))
        begins = f", the best of {first} that begin" if first > strategy.population else ""
        return f"a population of {strategy.population}{begins}, the control `base` among them"
    return f"{plural(len(found.variants), 'variant')}, the control `base` among them"


def fewer(strategy: Strategy, got: int, time_up: str = "") -> list[str]:
    """Why there are fewer variants beside the control than were asked for, in a sentence; nothing if there are not."""
    if strategy.samples is None or got >= strategy.samples:
        return []
    reason = time_up or "the mutations file gave no more that are different"
    return [f"{plural(got, 'variant')} beside the control in place of {strategy.samples}: {reason}"]


def _first(lines: list[str]) -> list[str]:
    """The first few lines, and how many more there are: longer sequences repeat each other by the hundred."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"  and {more} more like the last"] if more > 0 else lines


def summary(verdict: Verdict, folder: Folder, bundle: BundleState, spent: Spent = NOTHING) -> list[str]:
    """What came out, where it is, and what it cost, if that is known."""
    winner, promotion = verdict.winner, verdict.promotion
    chosen = f"chosen{verdict.among} without the images it is scored on"
    lines = [
        "",
        *([f"WARNING: {warning(verdict)}"] if verdict.lost_to else []),
        f"winner: {', '.join(part for part in (winner.name, schedule(winner)) if part)}, since {verdict.reason}",
        f"  {verdict.comparison}{_by(verdict)}",
        f"  the bundle        {promotion.expected}: {_mean(promotion.networks)}, {promotion.reason}",
        f"  one network       {verdict.claim}: {verdict.protocol}, {chosen}",
    ]
    if winner.search_rmse is not None:
        few = f"the lowest of its curve, and one of {verdict.num_measured} variants"
        lines.append(f"  the search saw    {winner.search_rmse:.4f}: {few}")
    if winner.mutations and verdict.control and verdict.control.rmse:
        lines.append(f"  base config       {verdict.control.rmse.value:.4f}")
    lines += [f"  {one.name:<17} {one.rmse.value:.4f}" for one in verdict.baselines if one.rmse]
    if verdict.noise_rmse is not None:
        lines.append(f"  perfect model     {verdict.noise_rmse:.4f} (known, since the data are simulated)")
    lines += [f"  {text}" for text in _bad_endings(verdict)]
    lines += [f"report:      {folder.uri}/{REPORT}", f"leaderboard: {folder.uri}/{LEADERBOARD}"]
    if bundle != "none":
        other = " (holds other networks than these: tuner.retrain makes it anew)" if bundle == "another" else ""
        lines.append(f"bundle:      {folder.uri}/{BUNDLE}{other}")
    lines.append(f"curves:      tensorboard --logdir {folder.uri}")
    return [*lines, f"cost:        {cost(spent)}"] if spent.uses else lines


def _mean(networks: int) -> str:
    return "one network" if networks == 1 else f"the mean of {networks} networks"


def _by(verdict: Verdict) -> str:
    """The difference to the control in numbers."""
    difference, p = verdict.winner.difference, verdict.winner.p
    if difference is None or p is None:
        return ""
    low, high = difference.interval
    chance = (
        f"; a choice like this is better with probability {verdict.probability:.2f}"
        if verdict.probability is not None
        else ""
    )
    return (
        f": difference {difference.value:+.4f} (95 % interval {low:+.4f} to {high:+.4f}), p {p:.2g} corrected for "
        f"{verdict.num_measured - 1} variants{chance}"
    )


def _bad_endings(verdict: Verdict) -> list[str]:
    lines = []
    for row in verdict.standings:
        missing = row.rmse is None and row.status in ("finished", "stopped")
        why = "no predictions of it are there or whole, so it is left out" if missing else row.error
        if missing or row.status in ("failed", "diverged", "unfinished"):
            lines.append(f"{row.status}: {row.name}{f' ({why})' if why else ''}")
    return lines
