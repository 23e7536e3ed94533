import logging
import threading
from pathlib import Path

import pytest

from tuner.command import hold_log, log_to
from tuner.dataset.load import Dataset
from tuner.folder import Folder
from tuner.raytune.resources import Resources
from tuner.raytune.trials import Conditions
from tuner.results.files import LOG
from tuner.stages.crew import Crew, open_log


def test_how_a_thread_failed_is_in_the_log_and_not_on_the_terminal(
    tmp_path: Path, root_log: None, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    hold_log()
    thread = threading.Thread(target=fail, name="writer")
    thread.start()
    thread.join()
    log_to(tmp_path / "run.log")
    assert capfd.readouterr() == ("", "")
    told = (tmp_path / "run.log").read_text()
    assert "the thread <Thread(writer" in told
    assert told.rstrip().endswith("OSError: [Errno 28] No space left on device")


def test_a_run_that_goes_on_elsewhere_than_here_adds_to_the_log(
    tmp_path: Path, root_log: None, dataset: Dataset
) -> None:
    folder = Folder.at(f"file://{tmp_path}")
    for number in range(3):
        crew = Crew(Conditions(dataset, Resources()), tmp_path / f"log-{number}")
        hold_log()
        open_log(crew, folder)
        logging.getLogger(__name__).warning("run %d", number)
        crew.keep_log(folder)
    lines = folder.read(LOG).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [f"run {number}" for number in range(3)]
