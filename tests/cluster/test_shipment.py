import subprocess
import sys
from pathlib import Path

import pytest

from tuner.cluster.shipment import packed


@pytest.fixture
def working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a config, a mutations file and two modules."""
    folder = tmp_path / "working"
    (folder / "base_configs").mkdir(parents=True)
    (folder / "base_configs" / "mine.yaml").write_text("config")
    (folder / "mutations.yaml").write_text("mutations")
    (folder / "mine.py").write_text("import beside\n")
    (folder / "beside.py").write_text("")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    monkeypatch.chdir(folder)
    return folder


def test_a_shipment_runs_without_the_checkout(tmp_path: Path, working: Path) -> None:
    shipment = packed(tmp_path / "sent", "base_configs/mine.yaml", "mutations.yaml", ())
    assert (shipment.config, shipment.mutations) == ("base_configs/mine.yaml", "mutations.yaml")
    assert (shipment.folder / shipment.config).read_text() == "config"
    code = "import tuner, tuner.reporting.report, pathlib; print(pathlib.Path(tuner.__file__).parents[1])"
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, ''); {code}"]
    done = subprocess.run(command, cwd=shipment.folder, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == shipment.folder.resolve()
    assert sum(path.stat().st_size for path in shipment.folder.rglob("*.py")) < 2e6


def test_the_price_list_goes_with_it(tmp_path: Path, working: Path) -> None:
    shipment = packed(tmp_path / "sent", "base_configs/mine.yaml", "mutations.yaml", ())
    assert (shipment.folder / "tuner" / "cluster" / "prices.yaml").is_file()


def test_modules_go_with_it_only_if_functions_of_them_are_named(tmp_path: Path, working: Path) -> None:
    packed(tmp_path / "without", "base_configs/mine.yaml", "mutations.yaml", ())
    packed(tmp_path / "with", "base_configs/mine.yaml", "mutations.yaml", ("mine.halve", "package.inner.double"))
    names = {"mine.py", "beside.py", "package/__init__.py"}
    assert [(tmp_path / "without" / name).exists() for name in names] == [False] * 3
    assert [(tmp_path / "with" / name).exists() for name in names] == [True] * 3


def test_two_files_of_one_name_from_elsewhere_are_both_there(tmp_path: Path, working: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.yaml").write_text(name)
    shipment = packed(tmp_path / "sent", str(tmp_path / "one" / "same.yaml"), str(tmp_path / "two" / "same.yaml"), ())
    assert (shipment.folder / shipment.config).read_text() == "one"
    assert (shipment.folder / shipment.mutations).read_text() == "two"
