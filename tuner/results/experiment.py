"""One experiment's folder: what was run, and what each trial measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tuner.config import Config, dump_config
from tuner.cost import cost_of
from tuner.errors import ConfigError, InputError
from tuner.results.folder import Folder, checked_name
from tuner.results.origin import ORIGIN, Origin
from tuner.results.record import Measurement, Status, TrialRecord, read_rows
from tuner.settings import build

MANIFEST = "manifest.yaml"
LEADERBOARD = "leaderboard.csv"
BUNDLE = "best"
FAILED = "failed.txt"


@dataclass(frozen=True)
class Entry:
    """A variant as the manifest lists it: its name, its config, and its mutations' names."""

    name: str
    config: Config
    mutations: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """`ray_results/<group>/<name>/`, wherever that is."""

    folder: Folder

    @staticmethod
    def at(storage: str, group: str, name: str) -> "Experiment":
        """The experiment of this name, which need not exist yet.

        Raises:
            InputError: the group or the name cannot be a folder's.
        """
        return Experiment(Folder.at(storage) / checked_name(group, "--group") / checked_name(name, "--name"))

    def begin(self, manifest: dict[str, Any], entries: tuple[Entry, ...], origin: Origin) -> None:
        """The folder holds the manifest, and a folder with its config and its origin for every variant.

        The manifest comes first: with it, what a crash left undone can be done again.
        """
        self.folder.write(MANIFEST, yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True))
        self.describe(entries, origin)

    def describe(self, entries: tuple[Entry, ...], origin: Origin) -> None:
        """Every variant's folder holds its config and its origin."""
        for entry in entries:
            self.folder.write(f"{entry.name}/config.yaml", dump_config(entry.config))
            self.folder.write(f"{entry.name}/{ORIGIN}", origin.dump())

    def mark_failed(self, variant: str, error: str) -> None:
        """The variant's trial has failed for good; Ray's own `error.txt` also tells of failures that were retried."""
        self.folder.write(f"{variant}/{FAILED}", f"{error}\n")

    def manifest(self) -> dict[str, Any]:
        """What was run.

        Raises:
            InputError: there is no such experiment, or its manifest is not whole.
        """
        if not self.folder.exists(MANIFEST):
            raise InputError(f"there is no experiment in {self.folder.uri}")
        try:
            manifest = yaml.safe_load(self.folder.read(MANIFEST))
        except yaml.YAMLError:
            manifest = None
        if not isinstance(manifest, dict):
            raise InputError(f"{self.folder.uri}/{MANIFEST} is not whole")
        return manifest

    def entries(self) -> tuple[Entry, ...]:
        """The variants of the manifest, in its order, with the configs in their folders.

        Raises:
            InputError: as `manifest`, or a variant's config is not whole.
        """
        found = []
        for name, mutations in self.manifest()["variants"].items():
            text = self.folder.read(f"{name}/config.yaml")
            if not text:
                raise InputError(f"{self.folder.uri}/{name}/config.yaml is missing")
            try:
                config = build(Config, yaml.safe_load(text))
            except (yaml.YAMLError, ConfigError) as error:
                raise InputError(f"{self.folder.uri}/{name}/config.yaml is not whole: {error}") from None
            found.append(Entry(name, config, tuple(mutations)))
        return tuple(found)

    def records(self) -> tuple[TrialRecord, ...]:
        """What every trial has measured so far, in the manifest's order."""
        return tuple(self._record(entry) for entry in self.entries())

    def _record(self, entry: Entry) -> TrialRecord:
        folder = self.folder / entry.name
        measurements = read_rows(folder.read("result.json"))
        ending = measurements[-1].ending if measurements else ""
        error = last_line(folder.read(FAILED))
        cost = cost_of(entry.config.model, entry.config.model.num_classes or 1)
        return TrialRecord(
            entry.name, entry.mutations, _status(ending, error), measurements, cost.parameters, cost.macs, error
        )


class FailureMarks:
    """Marks the trials of an experiment that failed for good."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def measured(self, variant: str, folder: Path, measurement: Measurement) -> None:
        """Nothing failed."""

    def ended(self, variant: str, error: str) -> None:
        """The trial's folder tells of the failure, if it is one."""
        if error:
            self._experiment.mark_failed(variant, error)


def last_line(text: str) -> str:
    """The last line that is not empty: of a traceback, what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _status(ending: str, error: str) -> Status:
    if ending:
        return "diverged" if ending == "diverged" else "finished"
    return "failed" if error else "unfinished"
