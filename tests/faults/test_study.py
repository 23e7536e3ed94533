"""A search by Optuna whose driver is killed goes on as if it had not been."""

import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from tuner.dataset.simulate import simulate, write

SAMPLES = 6
CONFIG = """
data: {folds: 2, random_seed: 3}
model:
  image_size: 16
  conv_layers: [{num_filters: 4, kernel_size: 5}]
training: {eval_steps: 5, max_steps: 40, early_stopping_evals: 3, learning_rate: 0.003, precision: fp32}
"""
MUTATIONS = """
change_training:
  - learning_rate: {min: 1.0e-4, max: 1.0e-1, log: true}
add_dense_layer:
  - num_units: {min: 4, max: 64}
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TUNE_GLOBAL_CHECKPOINT_S": "0.5"}
RUN = (
    *("run", "-g", "group", "-n", "name", "--config", "config.yaml", "--mutations", "mutations.yaml"),
    *("--data", "recording", "--search", "optuna", "--samples", str(SAMPLES), "--scheduler", "asha"),
    *("--max-concurrent", "1", "--finals", "0", "--no-retrain"),
)


class States(pickle.Unpickler):
    """Reads a scheduler's state without its trials."""

    def persistent_load(self, trial_id: str) -> str:
        return trial_id


def rungs(results: Path) -> dict[str, float]:
    """What ASHA knows by Ray's last snapshot: trial to RMSE at the lowest rung."""
    files = sorted(results.glob("callback-states-*.pkl"))
    for state in pickle.loads(files[-1].read_bytes()).values() if files else ():
        if state:
            with (results / "state").open("w+b") as file:
                file.write(state["scheduler"])
                file.seek(0)
                inner, *_ = States(file).load()
            return {trial: -value for trial, value in inner["_brackets"][0]._rungs[-1][1].items()}
    return {}


def study(results: Path) -> list[optuna.trial.FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(results / "study.log")))
    return optuna.load_study(study_name="variants", storage=storage).trials


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    simulation = simulate(np.random.default_rng(1), num_images=60, num_test=10, num_neurons=4, size=20)
    write(simulation, tmp_path / "recording")
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "mutations.yaml").write_text(MUTATIONS)
    return tmp_path


def test_a_killed_search_goes_on_with_its_study_and_its_schedulers_state(folder: Path) -> None:
    command = [sys.executable, "-m", "tuner", *RUN]
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    results, deadline, before = folder / "ray_results" / "group" / "name", time.monotonic() + 100, dict[str, float]()
    while len(before) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        with suppress(EOFError, pickle.UnpicklingError):  # Ray is copying its snapshot here
            before = rungs(results)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    suggested = {trial.number: trial.params for trial in study(results)}
    listed = list(yaml.safe_load((results / "manifest.yaml").read_text())["variants"])
    assert 2 <= len(before) < SAMPLES
    assert 3 <= len(listed) <= SAMPLES

    resumed = subprocess.run(
        [*command, "--resume"], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    variants = list(yaml.safe_load((results / "manifest.yaml").read_text())["variants"])
    assert len(variants) == len(set(variants)) == SAMPLES + 1
    assert variants[: len(listed)] == listed
    trials = study(results)
    assert {trial.number: trial.params for trial in trials[: len(suggested)]} == suggested
    told = [trial for trial in trials if trial.state == TrialState.COMPLETE and "variant" in trial.user_attrs]
    assert sorted(trial.user_attrs["variant"] for trial in told) == sorted(variants[1:])
    assert all(trial.value == trial.user_attrs["rmse"] for trial in told)
    assert "AsyncHyperBandScheduler goes on with what it knew" in (results / "run.log").read_text()
    after = rungs(results)
    assert before.items() <= after.items()
    assert len(after) > len(before)
    assert all((results / name / "result.json").is_file() for name in variants)
