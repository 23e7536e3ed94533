"""What is run, and under which conditions."""

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.dataset.load import Dataset
from tuner.raytune.disk_budget import Disk
from tuner.raytune.resources import Resources
from tuner.raytune.search.method import LISTED, Method
from tuner.raytune.stopper import UNLIMITED, Limits
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment


@dataclass(frozen=True)
class Trials:
    """One trial a variant.

    Attributes:
        experiment: Where results go.
        entries: The variants; with suggestions, those that are in the manifest already.
        seeds: Variant to what decides everything random in its trial.
        limits: When trials end that could go on.
        method: How trials are chosen, and which end early.
    """

    experiment: Experiment
    entries: tuple[Entry, ...]
    seeds: Mapping[str, int]
    limits: Limits = UNLIMITED
    method: Method = LISTED


@dataclass(frozen=True)
class Conditions:
    """What is the same for all trials of a process.

    Attributes:
        dataset: What they are trained on.
        resources: With every default filled in.
        disk: How large the experiment's folder may become; None is without end.
        retry_failed: Whether trials that Ray has given up go on, too.
    """

    dataset: Dataset
    resources: Resources
    disk: Disk | None = None
    retry_failed: bool = False
