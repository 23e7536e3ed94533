"""The main job through the command line: YAML -> run -> bundle -> onnxruntime -> predictions."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

from tuner import train
from tuner.dataset.load import load_dataset
from tuner.dataset.simulate import simulate, write
from tuner.errors import InputError

CONFIG = """
data: {folds: 2, random_seed: 3}
model:
  image_size: 16
  conv_layers: [{num_filters: 4, kernel_size: 5}]
  dense_layers: [{num_units: 8, dropout_rate: 0.2}]
training: {eval_steps: 5, max_steps: 30, early_stopping_evals: 3, learning_rate: 0.01, precision: fp32}
"""
MUTATIONS = """
change_training:
  - learning_rate: [0.003, 1.0e+30]
add_dense_layer:
  - num_units: [8]
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


def tuner(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuner", *arguments]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    simulation = simulate(np.random.default_rng(1), num_images=90, num_test=10, num_neurons=5, size=24)
    write(simulation, folder / "recording")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "mutations.yaml").write_text(MUTATIONS)
    return folder


RUN = ("run", "-g", "group", "--config", "config.yaml", "--mutations", "mutations.yaml", "--data", "recording")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    return tuner(folder, *RUN, "-n", "name", "--seeds", "2", "--rounds", "1")


def test_the_run_ends_well_and_says_what_came_out(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "data in recording: 80 labelled images of 90, 5 neurons"
    assert lines[1] == "4 variants, the control `base` among them; 2 folds"
    searched = lines[: next(index for index, line in enumerate(lines) if line.startswith("finals, round 1"))]
    assert sum("] " in line and "rmse" in line for line in searched) == 4
    assert any("change_training-learning_rate=1e+30" in line and "DIVERGED" in line for line in lines)
    assert any(line.startswith("winner: ") for line in lines)
    assert sum("it is" in line for line in lines) >= 1
    assert f"bundle:      {folder}/ray_results/group/name/best" in lines
    assert done.stderr == ""


def test_the_experiments_folder_holds_what_the_readme_promises(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    results = folder / "ray_results" / "group" / "name"
    rows = list(csv.DictReader((results / "leaderboard.csv").read_text().splitlines()))
    names = [row["variant"] for row in rows]
    assert names[3:] == ["change_training-learning_rate=1e+30", "mean predictor", "ridge", "extra trees"]
    assert "<html" in (results / "report.html").read_text()
    assert json.loads((results / "verdict.json").read_text())["variant"] == names[0]
    for row in rows[:-3]:
        trial = {path.name for path in (results / row["variant"]).iterdir()}
        assert {"config.yaml", "progress.csv", "result.json"} <= trial
        assert any(name.startswith("events.out.tfevents") for name in trial)
    manifest = yaml.safe_load((results / "manifest.yaml").read_text())
    assert manifest["base"]["model"]["conv_layers"][0]["num_filters"] == 4
    assert manifest["mutations"] == yaml.safe_load(MUTATIONS)
    assert manifest["fingerprint"] == load_dataset(folder / "recording").fingerprint
    assert (results / "run.log").stat().st_size > 0


def test_the_bundle_predicts_what_the_submission_holds(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    bundle = folder / "ray_results" / "group" / "name" / "best"
    predicted = tuner(folder, "predict", "-e", str(bundle), "--data", "recording", "-o", "sub.csv")
    assert predicted.returncode == 0, predicted.stderr
    rows = list(csv.reader((folder / "sub.csv").read_text().splitlines()))
    expected = list(csv.reader((folder / "recording" / "sub.csv").read_text().splitlines()))
    assert rows[0] == expected[0]
    assert [row[0] for row in rows] == [row[0] for row in expected]
    images = np.load(folder / "recording" / "stim.npy")[:10, 4:20, 4:20].astype(np.float32) / 255
    answers = onnxruntime.InferenceSession(bundle / "model.onnx").run(None, {"images": images})[0]
    np.testing.assert_allclose(np.array(rows[1:], dtype=float)[:, 1:], answers, atol=2e-6)
    np.save(folder / "images.npy", images)
    others = tuner(folder, "predict", "-e", str(bundle), "--images", "images.npy", "-o", "others.csv")
    assert others.returncode == 0, others.stderr
    table = np.loadtxt(folder / "others.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 1:], answers, atol=2e-6)
    metrics = json.loads((bundle / "metrics.json").read_text())
    assert metrics["num_networks"] >= 2
    assert metrics["rmse_interval"][0] < metrics["rmse"] < metrics["rmse_interval"][1]
    assert metrics["simulated"] is False


def test_an_existing_experiment_is_neither_run_nor_changed(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "ray_results").rglob("*")}
    again = tuner(folder, *RUN, "-n", "name")
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "exists; go on with it by --resume, or choose another --name" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (folder / "ray_results").rglob("*")} == before


def test_the_winner_can_be_promoted_again_and_a_trial_exported(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    again = tuner(folder, "retrain", "-g", "group", "-n", "name", "--seeds", "3")
    assert again.returncode == 0, again.stderr
    results = folder / "ray_results" / "group" / "name"
    assert json.loads((results / "best" / "metrics.json").read_text())["num_networks"] >= 3
    before = (results / "leaderboard.csv").read_text()
    (results / "leaderboard.csv").unlink()
    (results / "report.html").unlink()
    rebuilt = tuner(folder, "report", "-g", "group", "-n", "name")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (results / "leaderboard.csv").read_text() == before
    assert (results / "report.html").is_file()
    exported = tuner(folder, "export", "-d", str(results / "base"), "-s", "best")
    assert exported.returncode == 0, exported.stderr
    assert "the mean of 2 networks" in exported.stdout
    assert list((results / "base" / "export" / "checkpoints").glob("step-*/model.onnx"))


def interrupted(folder: Path, arguments: list[str], sign: str, *pauses_s: float, within_s: float = 2) -> str:
    """What a run says after Ctrl-C: each after a pause, the first once a file or folder of its experiment is there."""
    command = [sys.executable, "-m", "tuner.run", *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    results, deadline = folder / "ray_results" / "group" / "interrupted", time.monotonic() + 120
    while not list(results.glob(sign)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    for pause_s in pauses_s:
        time.sleep(pause_s)
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to Ray's processes too
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - begun < within_s
    assert process.returncode == 130, errors
    assert errors.count("\n") == 1
    return errors.rstrip("\n")


def test_a_run_that_is_interrupted_in_order_and_at_once_says_how_to_go_on_and_goes_on(folder: Path) -> None:
    same = ("--max-concurrent", "1", "--finals", "0", "--no-retrain")
    arguments = [*RUN[1:], "-n", "interrupted", *same]
    long = CONFIG.replace("max_steps: 30, early_stopping_evals: 3", "max_steps: 200, early_stopping_evals: 900")
    (folder / "slow.yaml").write_text(long)
    (folder / "one.yaml").write_text("change_training: [{learning_rate: [0.003]}]")
    arguments[arguments.index("config.yaml")] = "slow.yaml"
    arguments[arguments.index("mutations.yaml")] = "one.yaml"
    results = folder / "ray_results" / "group" / "interrupted"
    again = f"interrupted: go on with: {shlex.join(['python', '-m', 'tuner.run', *arguments])}"
    assert interrupted(folder, arguments, "lock.json", 1.5) == again  # while Ray starts
    assert interrupted(folder, arguments, "base/checkpoint_00000*", 0.0, within_s=20) == f"{again} --resume"
    reached = max(row["step"] for row in rows_of(results / "base"))
    changed = tuner(folder, *RUN, "-n", "interrupted", "--resume", *same)
    assert changed.returncode == 2
    began = "error: this experiment began with training.early_stopping_evals 900, not 3, in config.yaml; "
    assert changed.stderr.startswith(began), changed.stderr
    assert "; change_training[0].learning_rate [0.003], not [0.003, 1e+30], in mutations.yaml; " in changed.stderr
    arguments.append("--resume")
    sign = f"base/checkpoint_{reached // 5 + 3:06d}*"
    assert interrupted(folder, arguments, sign, 0.0, 0.1) == f"{again} --resume"  # at once
    resumed = tuner(folder, "run", *arguments)
    assert resumed.returncode == 0, resumed.stderr
    for variant in ("base", "change_training-learning_rate=0.003"):
        assert [row["step"] for row in rows_of(results / variant)] == list(range(5, 201, 5))
    finished = tuner(folder, "run", *arguments)
    assert "this experiment is finished: nothing is left to do" in finished.stdout
    assert not (results / "lock.json").exists()


def rows_of(trial: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]


def test_train_goes_on_where_it_was_and_exports_its_best(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("train", "-d", "model", "-c", "config.yaml", "--data", "recording")
    first = tuner(folder, *arguments)
    assert first.returncode == 0, first.stderr
    bundles = sorted(path.name for path in (folder / "model" / "export" / "best").iterdir())
    assert 1 <= len(bundles) <= 3
    again = tuner(folder, *arguments)
    assert again.returncode == 0, again.stderr
    assert "is trained already, up to step" in again.stdout
    monkeypatch.chdir(folder)
    Path("other.yaml").write_text(CONFIG.replace("0.01", "0.02"))
    for options, told in (
        (["-c", "other.yaml"], "holds a model of another config; choose another --model-dir"),
        (["--seed", "7"], "holds a model of other data or another --seed; choose another --model-dir"),
    ):
        with pytest.raises(InputError, match=told):
            train.main([*arguments[1:], *options])
