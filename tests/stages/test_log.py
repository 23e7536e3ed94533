import threading
from pathlib import Path

import pytest

from tuner.command import hold_log, log_to


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
