"""What is said of an experiment, in lines for the terminal."""

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.mutation.expand import Expansion
from tuner.results.experiment import BUNDLE, LEADERBOARD
from tuner.results.folder import Folder
from tuner.results.verdict import Verdict

SHOWN = 5


def announcement(dataset: Dataset, found: Expansion, base: Config) -> list[str]:
    """What is about to be searched; the first line says what data it is."""
    source = "SIMULATED data, since there is no data set" if dataset.simulated else f"data in {dataset.source}"
    data = base.data
    split = f"{data.folds} folds" if data.folds > 1 else f"{data.eval_size} images held out"
    repeats = f", {data.repeats} repeats" if data.repeats > 1 else ""
    same = [f"  {name} gives the same config as {first}: one trial" for name, first in found.repeated]
    return [
        f"{source}: {len(dataset.labelled)} labelled images of {len(dataset.images)}, {len(dataset.neurons)} neurons",
        f"{len(found.variants)} variants, the control `base` among them; {split}{repeats}",
        *_first(same),
        *_first([f"  left out: {reason}" for reason in found.impossible]),
    ]


def _first(lines: list[str]) -> list[str]:
    """The first few lines, and how many more there are: longer sequences repeat each other by the hundred."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"  and {more} more like the last"] if more > 0 else lines


def summary(verdict: Verdict, dataset: Dataset, folder: Folder, *, promoted: bool) -> list[str]:
    """What came out, and where it is."""
    best, control = verdict.best, verdict.control
    base = f"{control.rmse:.4f} ± {control.rmse_se:.4f} at step {control.step}" if control else "nothing measured"
    lines = [
        "",
        f"best variant: {verdict.record.variant}, since {verdict.reason}",
        f"  its rmse        {best.rmse:.4f} ± {best.rmse_se:.4f} at step {best.step}",
        f"                  (lowest of its curve and of {verdict.num_eligible} variants: expect more on new images)",
        f"  base config     {base}",
        f"  mean predictor  {verdict.mean_predictor_rmse:.4f}",
    ]
    if best.rmse >= verdict.mean_predictor_rmse:
        lines.append("  IT IS NO BETTER than predicting each neuron's mean: do not use it")
    if dataset.noise_rmse is not None:
        lines.append(f"  perfect model   {dataset.noise_rmse:.4f} (known, since the data are simulated)")
    lines += [f"  {text}" for text in _bad_endings(verdict)]
    lines.append(f"leaderboard: {folder.uri}/{LEADERBOARD}")
    if promoted:
        lines.append(f"bundle:      {folder.uri}/{BUNDLE}")
    return [*lines, f"curves:      tensorboard --logdir {folder.uri}"]


def _bad_endings(verdict: Verdict) -> list[str]:
    return [
        f"{record.status}: {record.variant}{f' ({record.error})' if record.error else ''}"
        for record in verdict.ranking
        if record.status in ("failed", "diverged", "unfinished")
    ]
