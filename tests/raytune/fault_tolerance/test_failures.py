"""Which failures are told apart, and who is tried again: the errors are Ray's, Python's and PyTorch's own."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from ray import tune
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint
from ray.tune.experiment import Trial

from tuner.config import Config
from tuner.errors import InputError
from tuner.lineage import single
from tuner.raytune.assignment import Assignment, name_of
from tuner.raytune.fault_tolerance.failures import ATTEMPTS, Failures, kind_of
from tuner.raytune.internals import ask_before_retrying


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def too_much() -> None:
    torch.empty(2**50)


def too_many() -> None:
    raise MemoryError


def wrong() -> None:
    raise InputError("there are no such images")


def divide() -> None:
    _ = 1 // 0


def vanish() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


REMOTE: tuple[tuple[Callable[[], None], str], ...] = (
    (full, "no room in the storage"),
    (too_much, "out of memory"),
    (too_many, "out of memory"),
    (wrong, "wrong input"),
    (divide, "unknown error"),
    (vanish, "unknown error"),
)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_remote_failure_is_told_by_what_rays_error_says(ray_session: None) -> None:
    class Actor:
        def work(self, fail: Callable[[], None]) -> None:
            fail()

    actor = ray.remote(num_cpus=0.1)(Actor).remote()
    for fail, kind in REMOTE:  # the last one ends the actor
        with pytest.raises(ray.exceptions.RayError) as error:
            ray.get(actor.work.remote(fail))
        assert kind_of(str(error.value)) == kind, fail.__name__


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The actor died because its node has died. Node Id: ab", "preempted"),
        ("ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.", "out of memory"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "out of memory"),
        ("OSError: [Errno 30] Read-only file system: 'x'", "no room in the storage"),
        ("", "unknown error"),
    ],
)
def test_an_error_is_told_by_its_text(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.fixture
def trial(config: Config, tmp_path: Path) -> Trial:
    storage = StorageContext(str(tmp_path), "name", trial_dir_name="wide")
    made = Trial("x", stub=True, config=Assignment("wide", 1, single(config)).plain(), storage=storage)
    made.init_local_path()
    return made


@pytest.fixture(autouse=True)
def failures(monkeypatch: pytest.MonkeyPatch) -> Failures:
    monkeypatch.setattr(Trial, "should_recover", Trial.should_recover)
    made = Failures()
    ask_before_retrying(made.is_tried_again)
    return made


def fails(trial: Trial, text: str) -> bool:
    """Whether Ray tries the trial again after this error."""
    trial.handle_error(RuntimeError(text))
    return trial.should_recover()


def reaches(trial: Trial, step: int) -> None:
    found = _TrainingResult(Checkpoint(f"/nowhere/wide/checkpoint_{step}"), {"step": step})
    trial.run_metadata.checkpoint_manager.register_checkpoint(found)


def test_an_unknown_error_is_retried_a_few_times_unless_the_trial_gets_further(
    trial: Trial, failures: Failures
) -> None:
    assert [fails(trial, "odd") for _ in range(ATTEMPTS + 1)] == [True] * ATTEMPTS + [False]
    reaches(trial, 2)
    assert [fails(trial, "odd") for _ in range(ATTEMPTS + 1)] == [True] * ATTEMPTS + [False]
    for step in range(4, 40, 2):
        reaches(trial, step)
        assert fails(trial, "odd")
    assert failures.described(trial) == "unknown error: odd"


def test_a_preempted_trial_is_always_tried_again_and_that_counts_for_nothing(trial: Trial) -> None:
    for _ in range(10 * ATTEMPTS):
        assert fails(trial, "The actor died because its node has died.")
    assert [fails(trial, "odd") for _ in range(ATTEMPTS + 1)] == [True] * ATTEMPTS + [False]


def test_a_process_that_dies_before_its_machine_does_was_preempted(trial: Trial) -> None:
    failures = Failures(leaving=lambda one: one is trial)
    ask_before_retrying(failures.is_tried_again)
    for _ in range(2 * ATTEMPTS):
        assert fails(trial, "The actor died unexpectedly before finishing this task.")
    assert failures.described(trial) == "preempted: The actor died unexpectedly before finishing this task."
    assert not fails(trial, "tuner.errors.InputError: there are no such images")


def test_wrong_input_is_not_tried_again(trial: Trial, failures: Failures) -> None:
    assert not fails(trial, "tuner.errors.InputError: there are no such images")
    assert failures.described(trial) == "wrong input: tuner.errors.InputError: there are no such images"


def test_out_of_memory_makes_the_stacks_smaller(trial: Trial) -> None:
    found = []
    for _ in range(3):
        assert fails(trial, "torch.OutOfMemoryError: CUDA out of memory.")
        found.append(Assignment.of(trial.config).together)
    assert found == [1, 1, 1]  # of 3 folds
    assert not fails(trial, "torch.OutOfMemoryError: CUDA out of memory.")


def test_without_room_the_run_ends_and_the_trial_does_not(trial: Trial, failures: Failures) -> None:
    heard = list[int]()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    try:
        for _ in range(2 * ATTEMPTS):
            assert fails(trial, "OSError: [Errno 28] No space left on device")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]
    assert failures.no_room == "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_trial_whose_process_fails_as_it_takes_it_over_is_tried_again(
    dies: bool, failures: Failures, tmp_path: Path, ray_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TakenOver(tune.Trainable):
        """Its process dies, or fails, as it takes over the second trial, once."""

        def setup(self, config: dict[str, Any]) -> None:
            self.steps = 0

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.steps, mark = 0, Path(new_config["variant"]["mark"])
            if new_config["variant"]["name"] == "second" and not mark.exists():
                mark.touch()
                if new_config["variant"]["dies"]:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise RuntimeError("CUDA out of memory")
            return True

        def step(self) -> dict[str, Any]:
            self.steps += 1
            return {"steps": self.steps, "done": self.steps == 2}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            Path(checkpoint_dir, "steps").write_text(str(self.steps))

        def load_checkpoint(self, checkpoint: Any) -> None:
            self.steps = int(Path(checkpoint, "steps").read_text())

    class Ends(tune.Callback):
        """Remembers how far trials came."""

        def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
            ends[name_of(trial.config)] = trial.last_result["steps"]

    asked, ends = list[str](), dict[str, int]()
    monkeypatch.setattr(failures, "_decide", lambda trial, name, kind, told: asked.append(name) or len(asked) < 5)
    trials = [{"name": name, "mark": str(tmp_path / "mark"), "dies": dies} for name in ("first", "second", "third")]
    found = tune.Tuner(
        tune.with_resources(TakenOver, {"cpu": 2}),
        param_space={"variant": tune.grid_search(trials)},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="name", verbose=0, callbacks=[Ends()]),
    ).fit()
    assert (tmp_path / "mark").exists()
    assert asked == ["second"]
    assert ends == {"first": 2, "second": 2, "third": 2}
    assert not found.errors
