"""Variants that Optuna suggests while the search runs: Ray Tune's searcher."""

import math
import warnings
from collections.abc import Callable, Collection
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from tuner.errors import InputError
from tuner.mutation.mutation import Mutation
from tuner.raytune.assignment import Assignment, name_of
from tuner.raytune.resident import Resident
from tuner.raytune.search.study import StudyFile, sampler_of
from tuner.raytune.search.suggestion_space import suggest_sequence
from tuner.raytune.search.suggestions import Suggestions
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import origin_of
from tuner.results.record import RMSE_BEST, TrialRecord
from tuner.seeding import seed_of

ATTEMPTS = 60
"""Suggestions that repeat a variant, or cannot be applied, before the search ends with what it has; from the middle on
they are drawn at random."""
EXHAUSTED, VARIANT, REPEATS, RMSE, MACS = "exhausted", "variant", "repeats", "rmse", "macs"


class StudySearch(Resident, OptunaSearch):
    """Ray's searcher for Optuna, whose suggestions become variants.

    First come the variants that the manifest lists and no trial has: the control, and what a crash cut off from Ray's
    snapshot. Everything that must outlive the process is in the manifest and in the study's file, so Ray saves nothing.
    """

    _ot_study: Any

    def __init__(self, source: Suggestions, experiment: Experiment, added: Callable[[Entry], None]) -> None:
        self._source, self._experiment, self._added = source, experiment, added
        self._entries = {entry.name: entry for entry in experiment.entries()}
        self._on_ray: set[str] = set()
        self._last: dict[str, dict[str, Any]] = {}
        self._file = StudyFile(experiment.folder)
        several = len(source.objectives) > 1
        super().__init__(
            space=self._ask,
            metric=list(source.objectives) if several else source.objectives[0],
            mode=["min"] * len(source.objectives) if several else "min",
            sampler=sampler_of(None, source.seed, source.samples),
            study_name="variants",
            storage=self._file.storage(),
        )

    @property
    def exhausted(self) -> bool:
        """Whether no variant is suggested any more."""
        return len(self._entries) > self._source.samples or bool(self._ot_study.user_attrs.get(EXHAUSTED))

    def adopt(self, trials: Collection[Trial]) -> None:
        """These trials were restored by Ray, with the variants that they are of; of others the study knows the end."""
        running = {trial.user_attrs.get(VARIANT): trial for trial in self._study_trials(TrialState.RUNNING)}
        for trial in trials:
            name = name_of(trial.config)
            self._on_ray.add(name)
            if trial.trial_id not in self._ot_trials and name in running:
                self._ot_trials[trial.trial_id] = optuna.Trial(self._ot_study, running[name]._trial_id)
        self.settle({name_of(trial.config) for trial in trials if not trial.is_finished()})

    def suggest(self, trial_id: str) -> Any:
        """Ray's hook: the next trial's config, or that there are no more."""
        entry = self._cut_off(trial_id) or self._new(trial_id)
        if entry is None:
            return Searcher.FINISHED
        self._on_ray.add(entry.name)
        return Assignment(entry.name, seed_of(self._source.seed, entry.name), entry.lineage).plain()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Ray's hook: the study has this evaluation."""
        if trial_id in self._ot_trials:
            self._last[trial_id] = result
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a run that goes on measures some again
                super().on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Ray's hook: the study has what the trial came to; a trial that failed or diverged came to nothing."""
        trial = self._ot_trials.get(trial_id)
        if trial is None or trial_id in self._completed_trials:
            return
        result = result or self._last.get(trial_id, {})
        good = not error and result.get("ending") != "diverged" and math.isfinite(result.get(RMSE_BEST, math.nan))
        if good:
            trial.set_user_attr(RMSE, result[RMSE_BEST])
        super().on_trial_complete(trial_id, result if good else None, error=not good)
        self._file.keep()

    def settle(self, going_on: Collection[str] = ()) -> None:
        """The study knows of the trials that ended without Ray's saying so: by a crash, or since time was up.

        Args:
            going_on: Variants of which Ray has not heard so; what their folders tell is of an end that comes again.
        """
        for trial in self._study_trials(TrialState.RUNNING):
            entry = self._entries.get(trial.user_attrs.get(VARIANT, ""))
            record = None if entry is None else self._experiment.record(entry)
            if record is None or (record.ended and record.variant not in going_on):
                self._tell(optuna.Trial(self._ot_study, trial._trial_id), record)
        self._file.keep()

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Ray's hook: see the class."""

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Ray's hook: see the class."""

    def _ask(self, trial: Any) -> dict[str, Any]:
        return {"mutations": suggest_sequence(trial, self._source.space, self._source.depth)}

    def _study_trials(self, *states: TrialState) -> list[optuna.trial.FrozenTrial]:
        found: list[optuna.trial.FrozenTrial] = self._ot_study.get_trials(deepcopy=False, states=states or None)
        return found

    def _cut_off(self, trial_id: str) -> Entry | None:
        """A variant of the manifest that no trial has."""
        running = {trial.user_attrs.get(VARIANT): trial for trial in self._study_trials(TrialState.RUNNING)}
        for name, entry in self._entries.items():
            if name not in self._on_ray and not self._experiment.record(entry).ended:
                if name in running:
                    self._ot_trials[trial_id] = optuna.Trial(self._ot_study, running[name]._trial_id)
                return entry
        return None

    def _new(self, trial_id: str) -> Entry | None:
        """A variant that is none yet, in the manifest from now on; None if there are no more."""
        for attempt in range(0 if self.exhausted else ATTEMPTS):
            mutations = self._sequence(trial_id, random=attempt >= ATTEMPTS // 2)
            try:
                entry = self._source.entry(mutations)
            except InputError:
                self._tell(self._ot_trials.pop(trial_id), None)
                continue
            known = [one for one in self._entries.values() if entry.config == one.config or entry.name == one.name]
            if not known:
                return self._register(trial_id, entry)
            same = entry.config == known[0].config
            self._tell(self._ot_trials.pop(trial_id), self._experiment.record(known[0]) if same else None)
        self._ot_study.set_user_attr(EXHAUSTED, True)
        return None

    def _sequence(self, trial_id: str, *, random: bool) -> tuple[Mutation, ...]:
        source = self._source
        seed = seed_of(source.seed, "suggestion", len(self._study_trials()))
        self._ot_study.sampler = sampler_of(None if random else source.sampler, seed, source.samples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suggestion: Any = super().suggest(trial_id)
        found: tuple[Mutation, ...] = suggestion["mutations"]
        return found

    def _register(self, trial_id: str, entry: Entry) -> Entry:
        self._ot_trials[trial_id].set_user_attr(VARIANT, entry.name)
        self._file.keep()  # first: a variant of the manifest is one that the study knows
        self._experiment.add(entry, origin_of(self._source.dataset, self._source.seed))
        self._entries[entry.name] = entry
        self._added(entry)
        return entry

    def _tell(self, trial: optuna.Trial, record: TrialRecord | None) -> None:
        """The study has what a record says of the trial; without one that has ended well, the trial came to nothing."""
        if record is None or not record.ended or not record.eligible or record.best is None:
            self._ot_study.tell(trial, state=TrialState.FAIL)
            return
        values = {RMSE_BEST: record.best.rmse, MACS: record.macs}
        if trial.user_attrs.get(VARIANT) != record.variant:
            trial.set_user_attr(REPEATS, record.variant)
        trial.set_user_attr(RMSE, record.best.rmse)
        self._ot_study.tell(trial, [values[name] for name in self._source.objectives])
