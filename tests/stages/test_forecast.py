import io
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tuner import run
from tuner.config import Config
from tuner.raytune import autoscaling
from tuner.raytune.resources import Resources
from tuner.raytune.watch import watched
from tuner.results.files import MANIFEST
from tuner.results.spent import FILE, Machine, read_spent
from tuner.results.strategy import Strategy
from tuner.stages.design import Design
from tuner.stages.estimate import Estimate
from tuner.stages.forecast import NODE, at_most, forecast
from tuner.stages.meter import Meter
from tuner.stages.spending import Spending, kept

pytestmark = pytest.mark.usefixtures("ray_session", "root_log")
ROOT = Path(__file__).parents[2]
HEAD, SPOT = Machine("m7i.large on-demand", 0.1), Machine("g5.xlarge spot", 0.45)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.stages.forecast.MEASURED_S", 0.05)
    monkeypatch.setattr(autoscaling, "FILE", Path("/nowhere"))


def shown(design: Design, resources: Resources) -> str:
    console = Console(file=io.StringIO(), width=200)
    for line in forecast(design, resources, "auto", promoted=True, patience_s=600):
        console.print(line, soft_wrap=True)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # see above
    return text


def test_each_architecture_is_measured_on_a_worker_and_nothing_is_written(design: Design) -> None:
    said = shown(design, Resources())
    assert said.count("conv 4 of 3x3, 6 of 3x3; dense 8") == 1  # 4 variants of one architecture
    assert "steps/s" in said
    assert "on 1 node, whose price is not known; early stopping usually ends before that" in said
    assert not design.experiment.folder.exists()


def test_a_cluster_of_ray_up_has_a_price(design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(autoscaling, "FILE", ROOT / "cluster.yaml")
    said = shown(design, Resources(2, 0))
    assert re.search(
        r"at most about \d+ min and \$0\.\d\d on 4 g5.xlarge spot and 1 m7i.large on-demand; ", said
    )  # 8 networks, 2 a node


def test_suggestions_are_estimated_by_examples(design: Design, config: Config) -> None:
    optuna = Strategy(search="optuna", samples=3, sampler="tpe")
    said = shown(replace(design, entries=design.entries[:1], strategy=optuna, examples=(config,)), Resources())
    assert "by 2 variants that the search may begin with" in said


def test_a_dry_run_on_a_cluster_begins_no_experiment(
    design: Design, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = run.parser().parse_args(["-g", "group", "-n", "name", "--dry-run", "--address", "auto"])
    monkeypatch.setattr(run, "checked_design", lambda given: design)
    monkeypatch.setattr(run, "make_manifest", lambda *given: {})
    monkeypatch.setattr(run, "announced", lambda *given: ["announced"])
    run.run(options, ["tuner", "run"])
    said = capsys.readouterr().out
    assert said.index("announced") < said.index("multiply-adds a step") < said.index("at most about")
    assert not design.experiment.folder.exists()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Estimate(7560, ((HEAD, 1), (SPOT, 8))), "2.1 h and $7.77 on 8 g5.xlarge spot and 1 m7i.large on-demand;"),
        (Estimate(600, ((NODE, 1), (NODE, 2))), "10 min on 3 nodes, whose price is not known;"),
    ],
)
def test_the_estimate_is_a_sentence_with_units(found: Estimate, said: str) -> None:
    assert at_most(found).startswith(f"at most about {said}")


def test_a_meter_looks_at_the_nodes_while_work_goes_on(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = design.experiment.folder
    folder.write(MANIFEST, "seed: 0\n")

    class Every(dict[str, Machine]):
        def __contains__(self, name: object) -> bool:
            return True

        def __missing__(self, name: str) -> Machine:
            return SPOT

    made = Spending(Meter(Every(), read_spent(folder)), folder)
    with kept(made), watched(made.watch, period_s=0.05):
        for _ in range(200):
            if made.meter.rate:
                break
            time.sleep(0.05)
    assert made.meter.rate == pytest.approx(0.45 / 3600)
    assert folder.exists(FILE)
    assert [use.machine for use in read_spent(folder).uses] == ["g5.xlarge spot"]


def test_the_folder_knows_what_was_spent_when_work_fails(design: Design) -> None:
    design.experiment.folder.write(MANIFEST, "seed: 0\n")
    made: Any = Spending(Meter({}, read_spent(design.experiment.folder)), design.experiment.folder)
    with pytest.raises(ValueError, match="it failed"), kept(made):
        raise ValueError("it failed")
    assert design.experiment.folder.exists(FILE)
