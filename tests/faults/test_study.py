"""A search by Optuna whose driver is killed goes on as if it had not been; its results are not in a local folder."""

import io
import pickle
from collections.abc import Callable
from zipfile import ZipFile

import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from benchmarks.killing import Killed, config_of
from tuner.raytune.fault_tolerance.snapshot import FILE

SAMPLES = 5
CONFIG = config_of(eval_steps=5, max_steps=40, patience=3)
MUTATIONS = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-1, log: true}
add_dense_layer:
  - num_units: {min: 4, max: 64}
"""
OPTIONS = (
    *("--search", "optuna", "--samples", str(SAMPLES), "--scheduler", "asha"),
    *("--max-concurrent", "1", "--finals", "0", "--no-retrain"),
)


class States(pickle.Unpickler):
    """Reads a scheduler's state without its trials."""

    def persistent_load(self, trial_id: str) -> str:
        return trial_id


def rungs(run: Killed) -> dict[str, float]:
    """What ASHA knows by the last snapshot: trial to RMSE at the lowest rung."""
    if not (run.results / FILE).is_file():
        return {}
    with ZipFile(run.results / FILE) as file:
        states = pickle.loads(file.read(next(name for name in file.namelist() if name.startswith("callback-states"))))
    for state in states.values():
        if state:
            inner, *_ = States(io.BytesIO(state["scheduler"])).load()
            return {trial: -value for trial, value in inner["_brackets"][0]._rungs[-1][1].items()}
    return {}


def study(run: Killed) -> list[optuna.trial.FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(run.results / "study.log")))
    return optuna.load_study(study_name="variants", storage=storage).trials


def listed(run: Killed) -> list[str]:
    return list(yaml.safe_load((run.results / "manifest.yaml").read_text())["variants"])


@pytest.fixture
def run(make: Callable[..., Killed]) -> Killed:
    made = make(CONFIG, MUTATIONS, OPTIONS)
    made.options = (*OPTIONS, "--storage", f"file://{made.folder}/ray_results")
    made.environment = {"TUNE_GLOBAL_CHECKPOINT_S": "0.5"}
    return made


def test_a_killed_search_goes_on_with_its_study_and_its_schedulers_state(run: Killed) -> None:
    run.start()
    assert run.wait_for(lambda: len(rungs(run)) >= 2), run.said
    run.kill_driver()
    before, suggested = rungs(run), {trial.number: trial.params for trial in study(run)}
    names, reached = listed(run), run.progress()
    assert 2 <= len(before) < SAMPLES
    assert 3 <= len(names) <= SAMPLES
    run.start()
    assert run.end(200) == 0, run.said
    variants = listed(run)
    assert len(variants) == len(set(variants)) == SAMPLES + 1
    assert variants[: len(names)] == names
    trials = study(run)
    assert {trial.number: trial.params for trial in trials[: len(suggested)]} == suggested
    told = [trial for trial in trials if trial.state == TrialState.COMPLETE and "variant" in trial.user_attrs]
    assert sorted(trial.user_attrs["variant"] for trial in told) == sorted(variants[1:])
    assert all(trial.value == trial.user_attrs["rmse"] for trial in told)
    assert "AsyncHyperBandScheduler goes on with what it knew" in (run.results / "run.log").read_text()
    assert [name for name, step in run.gone_on_from() if step < reached[name] - 5] == []
    after = rungs(run)
    assert before.items() <= after.items()
    assert len(after) > len(before)
    for name in variants:
        assert run.steps(name) == list(range(5, 5 * len(run.steps(name)) + 1, 5))
