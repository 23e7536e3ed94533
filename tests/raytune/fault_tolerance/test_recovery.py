"""Where a trial goes on, by its folder: Ray's trials, and no Ray."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint
from ray.tune.experiment import Trial

from tuner.config import Config
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal
from tuner.errors import UnreadableError
from tuner.folder import Folder
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import Lineage, Phase, dump_lineage, single
from tuner.raytune.assignment import Assignment
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.results.history import CARRIED
from tuner.settings import replaced

Make = Callable[[str, Lineage], Trial]


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    (tmp_path / "name").mkdir()
    Recovery(Folder.at(str(tmp_path / "name"))).begin()
    return tmp_path / "name"


@pytest.fixture
def make(experiment: Path) -> Make:
    def trial(name: str, lineage: Lineage) -> Trial:
        storage = StorageContext(str(experiment.parent), experiment.name, trial_dir_name=name)
        return Trial("x", stub=True, config=Assignment(name, 1, lineage).plain(), storage=storage)

    return trial


@pytest.fixture
def exploited(config: Config) -> Lineage:
    changed = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})
    return (*single(config), Phase(4, changed, ("faster",), "donor"))


def row(step: int, **more: Any) -> str:
    return json.dumps({"step": step, "rmse": 0.5, **more})


def save(trial: Path, number: int, *rows: str, lineage: Lineage = ()) -> Path:
    folder = trial / f"checkpoint_{number:06d}"
    folder.mkdir(parents=True)
    files = {"checkpoint.pt": b"weights" * 100, CARRIED: "".join(f"{one}\n" for one in rows).encode()}
    if lineage:
        files[LINEAGE] = dump_lineage(lineage).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / SEAL).write_text(Seal.of(0, files).dump())
    return folder


def gone_on_from(trial: Trial) -> tuple[str, int] | None:
    latest: Any = trial.latest_checkpoint_result
    return (latest.checkpoint.path, latest.metrics["step"]) if latest else None


def left(trial: Path) -> list[str]:
    return sorted(path.name for path in trial.glob("checkpoint_*"))


def test_a_trial_goes_on_from_its_newest_checkpoint_whatever_ray_knows(
    experiment: Path, make: Make, config: Config
) -> None:
    trial = make("a", single(config))
    for number in range(3):
        folder = save(experiment / "a", number, *(row(2 * step) for step in range(1, number + 2)))
    known = _TrainingResult(Checkpoint(str(experiment / "a" / "checkpoint_000000")), {"step": 2})
    trial.run_metadata.checkpoint_manager.register_checkpoint(known)
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(folder), 6)
    assert trial.storage is not None
    assert trial.storage.current_checkpoint_index == 2
    assert [missed["step"] for missed in Recovery.current().missed["a"]] == [2, 4, 6]
    kept = trial.run_metadata.checkpoint_manager.best_checkpoint_results
    assert [Path(one.checkpoint.path).name for one in kept] == left(experiment / "a")


@pytest.mark.parametrize("damage", ["missing", "short", "flipped", "unsealed"])
def test_one_that_is_not_whole_is_passed_over_with_a_warning(
    experiment: Path, make: Make, config: Config, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    trial = make("a", single(config))
    whole = save(experiment / "a", 0, row(2))
    broken = save(experiment / "a", 1, row(2), row(4))
    weights = broken / "checkpoint.pt"
    content = bytearray(weights.read_bytes())
    content[9] ^= 1
    {
        "missing": weights.unlink,
        "short": lambda: weights.write_bytes(b"we"),
        "flipped": lambda: weights.write_bytes(content),
        "unsealed": (broken / SEAL).unlink,
    }[damage]()
    with caplog.at_level(logging.WARNING):
        Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(whole), 2)
    assert "checkpoint_000001 is not a whole checkpoint" in caplog.text
    assert left(experiment / "a") == ["checkpoint_000000"]


def test_without_a_whole_one_a_trial_begins(experiment: Path, make: Make, config: Config) -> None:
    trial = make("a", single(config))
    folder = save(experiment / "a", 0, row(2))
    known = _TrainingResult(Checkpoint(str(folder)), {"step": 2})
    trial.run_metadata.checkpoint_manager.register_checkpoint(known)
    (experiment / "a" / "result.json").write_text(f"{row(2)}\n")
    (folder / "checkpoint.pt").unlink()
    Recovery.current().recover(trial)
    assert gone_on_from(trial) is None
    assert left(experiment / "a") == []
    assert (experiment / "a" / "result.json").read_text() == ""


def test_the_last_row_of_a_trial_that_had_ended_comes_again_and_nothing_else(
    experiment: Path, make: Make, config: Config
) -> None:
    trial = make("a", single(config))
    last = save(experiment / "a", 1, row(2), row(4, done=True, training_iteration=2))
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(last), 3)
    latest: Any = trial.latest_checkpoint_result
    assert (latest.metrics["training_iteration"], latest.metrics["done"]) == (1, False)
    assert (experiment / "a" / "result.json").read_text() == f"{row(2)}\n"


def test_rows_are_those_of_the_steps_that_were_taken(experiment: Path, make: Make, config: Config) -> None:
    trial = make("a", single(config))
    save(experiment / "a", 0, row(2), row(4))
    results = experiment / "a" / "result.json"
    results.write_text(f"{row(2)}\n{row(6)}\n{row(8)[:5]}")
    Recovery.current().recover(trial)
    assert results.read_text() == f"{row(2)}\n{row(4)}\n"


def test_a_trial_that_is_tried_again_in_this_process_keeps_its_rows(
    experiment: Path, make: Make, config: Config
) -> None:
    trial = make("a", single(config))
    Recovery.current().recover(trial)
    save(experiment / "a", 0, row(2))
    results = experiment / "a" / "result.json"
    results.write_text(f"{row(2)}\n{row(4)}\n")  # Ray's logger has it open
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(experiment / "a" / "checkpoint_000000"), 2)
    assert results.read_text() == f"{row(2)}\n{row(4)}\n"


def test_what_a_member_made_after_an_exploit_that_ray_forgot_is_made_again(
    experiment: Path, make: Make, config: Config, exploited: Lineage
) -> None:
    trial = make("a", single(config))
    before = save(experiment / "a", 0, row(4))
    save(experiment / "a", 1, row(6), lineage=exploited)
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(before), 4)
    assert left(experiment / "a") == ["checkpoint_000000"]


def test_an_exploited_member_goes_on_from_its_donors_checkpoint_where_that_is_by_now(
    experiment: Path, make: Make, exploited: Lineage
) -> None:
    trial = make("a", exploited)
    old = save(experiment / "a", 0, row(4))
    donor = save(experiment / "donor", 3, row(4))
    moved = "/somewhere/else/donor/checkpoint_000003"
    trial.run_metadata.checkpoint_manager.register_checkpoint(_TrainingResult(Checkpoint(moved), {"step": 4}))
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(donor), 4)
    assert trial.storage is not None
    assert trial.storage.current_checkpoint_index == 0
    assert left(experiment / "a") == [old.name]
    kept = trial.run_metadata.checkpoint_manager.best_checkpoint_results
    assert [one.checkpoint.path for one in kept] == [str(old)]  # Ray will delete it in its turn
    own = save(experiment / "a", 1, row(6), lineage=exploited)
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(own), 6)
    shutil.rmtree(own)
    (donor / SEAL).unlink()
    trial.run_metadata.checkpoint_manager.register_checkpoint(_TrainingResult(Checkpoint(moved), {"step": 4}))
    Recovery.current().recover(trial)
    assert gone_on_from(trial) is None


def test_a_trial_that_has_ended_is_left_alone(experiment: Path, make: Make, config: Config) -> None:
    trial = make("a", single(config))
    save(experiment / "a", 0, row(2))
    trial.set_status(Trial.TERMINATED)
    Recovery.current().recover(trial)
    assert gone_on_from(trial) is None


def test_rows_that_ray_had_not_yet_copied_are_completed_also_of_trials_that_have_ended(experiment: Path) -> None:
    save(experiment / "a", 0, row(2), row(4))
    save(experiment / "a", 1, row(2), row(4), row(6))
    results = experiment / "a" / "result.json"
    results.write_text(f"{row(2, pid=7)}\n{row(4)[:9]}")
    Recovery.current().complete_rows(["a", "absent"])
    assert results.read_text() == f"{row(2, pid=7)}\n{row(4)}\n{row(6)}\n"
    assert sorted(path.name for path in experiment.iterdir()) == ["a"]
    results.write_text(f"{row(2)}\n{row(4)}\n{row(6, done=True)}\n")
    Recovery.current().complete_rows(["a"])
    assert results.read_text() == f"{row(2)}\n{row(4)}\n{row(6, done=True)}\n"
    (experiment / "a" / "checkpoint_000001" / CARRIED).write_text("cut")
    results.write_text("")
    Recovery.current().complete_rows(["a"])
    assert results.read_text() == ""


def test_a_last_row_that_was_cut_short_is_completed_and_either_file_by_itself(experiment: Path) -> None:
    save(experiment / "a", 0, row(2), row(4, done=True))
    results, table = experiment / "a" / "result.json", experiment / "a" / "progress.csv"
    results.write_text(f"{row(2)}\n{row(4)[:9]}")
    table.write_text("step,rmse\r\n2,0.5\r\n")
    Recovery.current().complete_rows(["a"])
    assert results.read_text() == f"{row(2)}\n{row(4, done=True)}\n"
    whole = table.read_bytes()
    assert whole == b"step,rmse\r\n2,0.5\r\n4,0.5\r\n"
    table.write_text("step,rmse\r\n2,0.5\r\n")
    Recovery.current().complete_rows(["a"])
    assert table.read_bytes() == whole


def test_what_cannot_be_read_is_not_taken_for_damaged(
    experiment: Path, make: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make("a", single(config))
    for number in range(2):
        save(experiment / "a", number, *(row(2 * step) for step in range(1, number + 2)))
    read = Folder.read_bytes

    def refuse(folder: Folder, name: str) -> bytes:
        if name == "checkpoint.pt":
            raise UnreadableError("checkpoint.pt cannot be read: Input/output error")
        return read(folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "read_bytes", refuse)
        with pytest.raises(UnreadableError):
            Recovery.current().recover(trial)
    with pytest.raises(UnreadableError, match=r"checkpoint\.pt cannot be read"):  # which Ray has swallowed
        Recovery.current().on_step_begin(1, [trial])
    assert left(experiment / "a") == ["checkpoint_000000", "checkpoint_000001"]


def test_a_trial_of_a_list_that_was_pickled_elsewhere_is_where_its_experiment_is(
    experiment: Path, config: Config, tmp_path: Path
) -> None:
    newest = save(experiment / "a", 0, row(2))
    (tmp_path / "before").mkdir()
    storage = StorageContext(str(tmp_path / "before"), "name", trial_dir_name="a")
    trial = Trial("x", stub=True, config=Assignment("a", 1, single(config)).plain(), storage=storage)
    Recovery.current().recover(trial)
    assert gone_on_from(trial) == (str(newest), 2)
    assert trial.storage is not None
    assert trial.storage.trial_fs_path == str(experiment / "a")


def test_an_end_that_ray_has_not_heard_of_is_forgotten(experiment: Path, make: Make, config: Config) -> None:
    trial, folder = make("a", single(config)), experiment / "a"
    save(folder, 0, row(2))
    for name in ("stopped.txt", "failed.txt"):
        (folder / name).write_text("x")
    Recovery.current().recover(trial)
    assert not list(folder.glob("*.txt"))


def test_folders_of_trials_that_never_ran_are_listed_once_and_not_looked_into(
    experiment: Path, make: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (experiment / name).mkdir()
        (experiment / name / "config.yaml").write_text("c")
        (experiment / name / "origin.json").write_text("o")
    save(experiment / "three", 0, row(4))
    asked, sizes, folders = [], Folder.sizes, Folder.folders
    monkeypatch.setattr(Folder, "sizes", lambda folder: asked.append(folder.uri) or sizes(folder))
    monkeypatch.setattr(Folder, "folders", lambda folder: asked.append(folder.uri) or folders(folder))
    trials = {name: make(name, single(config)) for name in ("one", "two", "three")}
    for trial in trials.values():
        Recovery.current().recover(trial)
    assert asked == [str(experiment), str(experiment / "three")]
    assert trials["three"].latest_checkpoint_result is not None
    save(experiment / "one", 0, row(6))
    Recovery.current().recover(trials["one"])  # is tried again
    latest: Any = trials["one"].latest_checkpoint_result
    assert latest.metrics["step"] == 6
