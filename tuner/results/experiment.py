"""One experiment's folder: what was run, and what each trial measured."""

from dataclasses import dataclass
from typing import Any

import yaml

from tuner.config import Config, dump_config
from tuner.cost import cost_of
from tuner.errors import ConfigError, InputError
from tuner.results.folder import Folder, checked_name
from tuner.results.record import Status, TrialRecord, read_rows
from tuner.settings import build

MANIFEST = "manifest.yaml"
LEADERBOARD = "leaderboard.csv"
BUNDLE = "best"


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

    @property
    def exists(self) -> bool:
        """Whether anything of the experiment is there."""
        return self.folder.exists()

    def begin(self, manifest: dict[str, Any], entries: tuple[Entry, ...]) -> None:
        """The folder holds the manifest, and a folder with its config for every variant."""
        for entry in entries:
            self.folder.write(f"{entry.name}/config.yaml", dump_config(entry.config))
        self.folder.write(MANIFEST, yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True))

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
            try:
                config = build(Config, yaml.safe_load(self.folder.read(f"{name}/config.yaml")) or {})
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
        error = last_line(folder.read("error.txt"))
        cost = cost_of(entry.config.model, entry.config.model.num_classes or 1)
        return TrialRecord(
            entry.name, entry.mutations, _status(ending, error), measurements, cost.parameters, cost.macs, error
        )


def last_line(text: str) -> str:
    """The last line that is not empty: of a traceback, what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _status(ending: str, error: str) -> Status:
    if ending:
        return "diverged" if ending == "diverged" else "finished"
    return "failed" if error else "unfinished"
