"""What each test of this room begins with: a process in which no run has begun."""

from pathlib import Path

import pytest

from tuner.folder import Folder
from tuner.raytune.fault_tolerance.recovery import Recovery
from tuner.raytune.resident import Resident


@pytest.fixture(autouse=True)
def own_residents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test begins is gone with it; schedulers find a recovery, of a folder with no trials."""
    monkeypatch.setattr(Resident, "_residents", {})
    Recovery(Folder.at(str(tmp_path / "no experiment"))).begin()
