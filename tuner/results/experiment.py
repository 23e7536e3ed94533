"""One experiment's folder: what was run, and what each trial measured."""

import math
from dataclasses import dataclass
from typing import Any

import yaml

from tuner.config import Config, dump_config
from tuner.cost import cost_of
from tuner.engine.out_of_fold import FILE as OUT_OF_FOLD
from tuner.engine.out_of_fold import OutOfFold, read_out_of_fold
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import read_seal
from tuner.errors import ConfigError, InputError, clause, last_line
from tuner.folder import Folder, checked_name
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import Lineage, read_lineage
from tuner.results.entry import Entry
from tuner.results.files import CHECKPOINT, CONFIG, FAILED_MARK, FINALS, MANIFEST, STOPPED_MARK, TIME_UP
from tuner.results.history import RESULTS, TABLE, history_until, table_until
from tuner.results.manifest import NOT_YAML, read_manifest
from tuner.results.origin import ORIGIN, Origin, read_origin
from tuner.results.record import STOPPED, Status, TrialRecord, read_rows
from tuner.settings import build


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

        def write(entry: Entry) -> None:
            self.folder.write(f"{entry.name}/{CONFIG}", dump_config(entry.config))
            self.folder.write(f"{entry.name}/{ORIGIN}", origin.dump())

        self.folder.each(write, entries)

    def add(self, entry: Entry, origin: Origin) -> None:
        """There is one variant more, the last of the manifest.

        Its folder comes first, so that the manifest lists none without a config.
        """
        self.describe((entry,), origin)
        manifest = yaml.safe_load(self.folder.read(MANIFEST))
        manifest["variants"][entry.name] = list(entry.mutations)
        self.folder.write(MANIFEST, yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True))

    def holds(self, variant: str) -> bool:
        """Whether it has a trial of this variant, begun or not."""
        return self.folder.exists(f"{variant}/{CONFIG}")

    def mark_failed(self, variant: str, error: str) -> None:
        """The variant's trial has failed for good; Ray's own `error.txt` also tells of failures that were retried."""
        self.folder.write(f"{variant}/{FAILED_MARK}", f"{error}\n")

    def failures(self) -> tuple[str, ...]:
        """Paths of the folders of all trials that failed, those of the finals, too."""
        found = []
        for trials in (self, *self._rounds()):
            place = trials.folder.uri.removeprefix(self.folder.uri).lstrip("/")
            held = [entry for entry in self.entries() if trials.holds(entry.name)]
            failed = [entry.name for entry in held if trials.record(entry).status == "failed"]
            found += [f"{place}/{name}".lstrip("/") for name in failed]
        return tuple(found)

    def forget(self, failures: tuple[str, ...]) -> None:
        """These trials count as interrupted."""
        for path in failures:
            self.folder.remove(f"{path}/{FAILED_MARK}")

    def mark_stopped(self, variant: str, reason: str) -> None:
        """The variant's trial has ended before its last row could tell; it may have measured nothing."""
        self.folder.write(f"{variant}/{STOPPED_MARK}", f"{reason}\n")

    def cut_back(self, variant: str, step: int, reason: str) -> None:
        """The variant's trial has ended at this step, though it may have gone on."""
        self.mark_stopped(variant, reason)
        trial = self.folder / variant
        history, table = history_until(trial.read(RESULTS), step), trial.read(TABLE)
        trial.write(RESULTS, history)
        trial.write(TABLE, table_until(table, history))

    def mark_time_up(self, reason: str) -> None:
        """Time or money was up: all trials end, though a crash may come before Ray or `mark_stopped` has ended them."""
        self.folder.write(TIME_UP, f"{reason}\n")

    @property
    def time_was_up(self) -> str:
        """The reason that `mark_time_up` was given; empty if it was not called."""
        return self.folder.read(TIME_UP).strip() if self.folder.exists(TIME_UP) else ""

    def manifest(self) -> dict[str, Any]:
        """What was run.

        Raises:
            InputError: there is no such experiment, or its manifest is not whole.
        """
        if not self.folder.exists(MANIFEST):
            raise InputError(f"there is no experiment in {self.folder.uri}")
        return read_manifest(self.folder.read(MANIFEST), f"{self.folder.uri}/{MANIFEST}")

    def entries(self) -> tuple[Entry, ...]:
        """The variants of the manifest, in its order, with the configs in their folders, or the lineages there.

        Raises:
            InputError: as `manifest`, or a variant's config is not whole.
        """
        variants = self.manifest()["variants"]
        return tuple(self.folder.each(lambda name: self._entry(name, tuple(variants[name])), variants))

    def _entry(self, name: str, mutations: tuple[str, ...]) -> Entry:
        text = self.folder.read(f"{name}/{CONFIG}")
        if not text:
            raise InputError(f"{self.folder.uri}/{name}/{CONFIG} is missing")
        try:
            config = build(Config, yaml.safe_load(text))
        except (yaml.YAMLError, ConfigError, *NOT_YAML) as error:
            raise InputError(f"{self.folder.uri}/{name}/{CONFIG} is not whole: {clause(error)}") from None
        lineage = self._lineage(name)
        return Entry.of(name, lineage) if lineage else Entry(name, config, mutations)

    def origin(self) -> Origin:
        """The data and the seed of all trials.

        Raises:
            InputError: as `manifest`, or the control's origin is not whole.
        """
        control = next(iter(self.manifest()["variants"]))
        return read_origin(self.folder.read(f"{control}/{ORIGIN}"), f"{self.folder.uri}/{control}")

    def records(self) -> tuple[TrialRecord, ...]:
        """What every trial has measured so far, in the manifest's order."""
        return self.records_of(self.entries())

    def records_of(self, entries: tuple[Entry, ...]) -> tuple[TrialRecord, ...]:
        """What these trials have measured so far."""
        return tuple(self.folder.each(self.record, entries))

    def finals(self, number: int) -> "Experiment":
        """The trials of a round of the finals, counted from 1: in a folder of their own, which need not exist yet."""
        return Experiment(self.folder / FINALS / f"round-{number}")

    def _rounds(self) -> tuple["Experiment", ...]:
        """The rounds of the finals that were begun."""
        return tuple(Experiment(self.folder / FINALS / name) for name in (self.folder / FINALS).folders())

    def out_of_fold(self, variant: str, ended: bool = False) -> OutOfFold | None:
        """The held-out predictions of a variant's trial, from its last whole checkpoint; None without one.

        Up to the last step of its rows: where a trial is cut back, its checkpoint is not.

        Args:
            variant: Its name.
            ended: Whether the last checkpoint of a trial that has finished must be whole. A crash may cut one short,
                but then the trial goes on; that of one that failed, or was stopped, may stay as it is.

        Raises:
            InputError: it is not.
        """
        trial = self.folder / variant
        rows = read_rows(trial.read(RESULTS))
        finished = bool(rows) and rows[-1].ending not in ("", STOPPED)
        for name in self._checkpoints(variant):
            file = f"{name}/{OUT_OF_FOLD}"
            try:
                found = read_out_of_fold(trial.read_bytes(file), f"{trial.uri}/{file}")
            except InputError:
                if ended and finished:
                    raise
                continue
            return found.until(rows[-1].step) if rows else found
        return None

    def _checkpoints(self, variant: str) -> list[str]:
        """Names of the folders of its trial's checkpoints, the newest first."""
        names = (self.folder / variant).folders()
        return [name for name in reversed(names) if name.startswith(CHECKPOINT)]

    def _lineage(self, variant: str) -> Lineage:
        """The configs that a variant's trial has had, from its last checkpoint that is whole; empty if it was one."""
        trial = self.folder / variant
        for name in self._checkpoints(variant):
            place = trial / name
            try:
                files = read_seal(place.read(SEAL), place.uri).only(LINEAGE).unsealed(place.read_bytes, place.uri)
            except InputError:
                continue
            return read_lineage(files[LINEAGE].decode(), place.uri) if LINEAGE in files else ()
        return ()

    def record(self, entry: Entry) -> TrialRecord:
        """What one trial has measured so far."""
        folder = self.folder / entry.name
        measurements = read_rows(folder.read(RESULTS))
        ending = measurements[-1].ending if measurements else ""
        ending = ending or (STOPPED if folder.exists(STOPPED_MARK) else "")
        if ending and measurements and not math.isfinite(measurements[-1].rmse):
            ending = "diverged"  # a population's member goes on, and ends with the others
        error = last_line(folder.read(FAILED_MARK))
        cost = cost_of(entry.config.model, entry.config.model.num_classes or 1)
        return TrialRecord(
            entry.name, entry.mutations, _status(ending, error), measurements, cost.parameters, cost.macs, error
        )


def _status(ending: str, error: str) -> Status:
    if ending:
        return "diverged" if ending == "diverged" else "stopped" if ending == STOPPED else "finished"
    return "failed" if error else "unfinished"
