import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tuner import report, retrain
from tuner.command import execute
from tuner.engine.out_of_fold import FILE
from tuner.errors import TunerError
from tuner.results.arrays import BASELINES, RESPONSES, write_baselines
from tuner.results.copy import copied
from tuner.results.evidence import read_evidence
from tuner.results.experiment import Experiment
from tuner.results.files import MEASURED
from tuner.stages.budget import Budget
from tuner.stages.conclude import tell, verdict_of
from tuner.stages.design import Design
from tuner.stages.finals import finals

WRITTEN = ("report.html", "verdict.json", "leaderboard.csv")


@pytest.fixture
def finished(searched: Design, trials: Any, capsys: pytest.CaptureFixture[str]) -> Design:
    """All but the promotion is done."""
    finals(searched, trials.run, Budget(None), lambda line: None)
    evidence = read_evidence(searched.experiment)
    ones = np.ones((2, *evidence.responses.shape), np.float32)
    write_baselines(searched.experiment.folder, {"mean predictor": ones}, evidence.finals["base"].folds)
    tell(searched.experiment, verdict_of(searched.experiment, searched.policy))
    capsys.readouterr()
    return searched


def folder_of(design: Design) -> Path:
    folder = design.experiment.folder.local
    assert folder is not None
    return folder


def command(design: Design, *arguments: str, name: str = "name") -> int:
    storage = str(folder_of(design).parents[1])
    return execute("report", report.main, ["-g", "group", "-n", name, "--storage", storage, *arguments])


def rewritten(design: Design, *arguments: str) -> dict[str, Any]:
    assert command(design, *arguments) == 0
    found: dict[str, Any] = json.loads((folder_of(design) / "verdict.json").read_text())
    return found


def test_what_was_deleted_is_written_again_from_the_records_alone(
    finished: Design, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(finished)
    before = {name: (folder / name).read_bytes() for name in WRITTEN}
    for name in WRITTEN:
        (folder / name).unlink()
    assert finished.experiment.manifest()["data"] == "nowhere"
    assert command(finished) == 0
    assert {name: (folder / name).read_bytes() for name in WRITTEN} == before
    assert f"report:      {folder}/report.html" in capsys.readouterr().out.splitlines()


def test_another_rule_and_ensemble_are_recorded(finished: Design) -> None:
    found = rewritten(finished, "--rule", "best", "--ensemble", "winner")
    assert found["rule"] == "best"
    assert [member["variant"] for member in found["members"]] == [found["variant"]]
    other = rewritten(finished, "--rule", "significant", "--ensemble", "finals")
    assert other["rule"] == "significant"
    assert rewritten(finished)["rule"] == "one_se"


def test_an_unknown_experiment_is_one_sentence(finished: Design, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(finished, name="other") == 2
    place = folder_of(finished).with_name("other")
    assert capsys.readouterr() == ("", f"error: there is no experiment in {place}\n")
    assert not place.exists()


def test_an_experiment_whose_search_goes_on_is_reported_as_far_as_it_is(searched: Design) -> None:
    folder = folder_of(searched)
    rows = (folder / "fine" / "result.json").read_text().splitlines()
    (folder / "fine" / "result.json").write_text(f"{rows[0]}\n")
    (folder / "bad" / "result.json").unlink()
    assert rewritten(searched)["stage"] == "search"
    lines = (folder / "leaderboard.csv").read_text().splitlines()
    assert ["unfinished" in line for line in lines if line.split(",")[1] in ("fine", "bad")] == [True, True]


def test_an_experiment_that_has_measured_nothing_is_one_sentence(
    design: Design, manifest: dict[str, Any], trials: Any, capsys: pytest.CaptureFixture[str], searched: Design
) -> None:
    for variant in trials.levels:
        (folder_of(searched) / variant / "result.json").unlink()
    assert command(searched) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("failed: no trial ended with a finite RMSE")


def garbage(content: bytes) -> bytes:
    return b"garbage"


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle : middle + 40]) + content[middle + 40 :]


def nothing(content: bytes) -> bytes:
    return b""


DAMAGES = (garbage, cut, flipped, nothing)


@pytest.mark.parametrize("name", [RESPONSES, BASELINES, "manifest.yaml", "base/origin.json", "good/config.yaml"])
def test_a_damaged_file_is_one_sentence_that_names_it(
    searched: Design, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_baselines(
        searched.experiment.folder, {"mean predictor": np.ones((1, 30, 4), np.float32)}, np.zeros((1, 30), int)
    )
    file = folder_of(searched) / name
    whole = file.read_bytes()
    for damage in DAMAGES:
        file.write_bytes(damage(whole))
        code, said = command(searched), capsys.readouterr()
        assert (code, said.out, said.err.count("\n")) == (2, "", 1), (damage, said)
        assert said.err.startswith(f"error: {file} "), damage


def test_variants_whose_last_predictions_are_damaged_have_those_before_them(finished: Design) -> None:
    places = ("good", "finals/round-1/fine", "finals/round-2/good", "finals/round-2/base")
    for damage, place in zip(DAMAGES, places, strict=True):
        file = sorted((folder_of(finished) / place).glob(f"checkpoint_*/{FILE}"))[-1]
        file.write_bytes(damage(file.read_bytes()))
    found = rewritten(finished)
    assert (found["protocol"], found["num_variants"]) == ("2 repeats of 5 folds", 4)


def test_a_variant_whose_predictions_are_all_damaged_is_left_out_and_named(
    finished: Design, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(folder_of(finished).glob(f"**/good/checkpoint_*/{FILE}"))
    assert len(files) == 6
    for number, file in enumerate(files):
        file.write_bytes(DAMAGES[number % 4](file.read_bytes()))
    found = rewritten(finished)
    assert (found["variant"], found["num_variants"]) == ("fine", 3)
    left_out = "  finished: good (no predictions of it are there or whole, so it is left out)"
    assert left_out in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("place", ["good", "finals/round-1/fine", "finals/round-2/base"])
def test_once_all_has_ended_damaged_predictions_are_an_error_and_the_verdict_stays(
    finished: Design, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    folder = folder_of(finished)
    finished.experiment.folder.write(MEASURED, "")
    before = {name: (folder / name).read_bytes() for name in WRITTEN}
    file = sorted((folder / place).glob(f"checkpoint_*/{FILE}"))[-1]
    for damage in DAMAGES:
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        code, said = command(finished), capsys.readouterr()
        file.write_bytes(whole)
        assert (code, said.out, said.err.count("\n")) == (2, "", 1), (damage, said)
        assert said.err.startswith(f"error: {file} "), damage
    assert {name: (folder / name).read_bytes() for name in WRITTEN} == before


def test_once_all_has_ended_a_final_that_lost_its_measurements_is_an_error(
    finished: Design, capsys: pytest.CaptureFixture[str]
) -> None:
    finished.experiment.folder.write(MEASURED, "")
    (folder_of(finished) / "finals/round-2/base/result.json").write_text("")
    assert command(finished) == 2
    place = folder_of(finished) / "finals/round-2/base"
    assert capsys.readouterr().err == f"error: {place} lacks what its trial measured\n"


def test_a_report_that_cannot_be_made_leaves_the_files_that_there_are(
    finished: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(finished)
    before = {name: (folder / name).read_bytes() for name in WRITTEN}

    def broken(*arguments: Any) -> str:
        raise TunerError("no figure")

    monkeypatch.setattr("tuner.reporting.publish.report", broken)
    assert command(finished, "--rule", "best") == 1
    assert {name: (folder / name).read_bytes() for name in WRITTEN} == before


def test_weights_that_are_damaged_change_nothing(finished: Design) -> None:
    before = rewritten(finished)
    for folder in folder_of(finished).glob("**/checkpoint_*"):
        (folder / "checkpoint.pt").write_bytes(b"garbage")
    assert rewritten(finished) == before


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({"seed": 1}, "is not whole"),
        ({"seed": 1, "variants": {"base": []}, "options": {"seeds": 5}}, "has no rule: an earlier version of tuner"),
        ({"seed": 1, "variants": {"base": []}}, "has no rule: an earlier version of tuner"),
    ],
)
@pytest.mark.parametrize("main", [report.main, retrain.main])
def test_a_manifest_that_says_too_little_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    manifest: dict[str, Any],
    problem: str,
    main: Callable[[list[str]], None],
) -> None:
    experiment = Experiment.at(str(tmp_path), "group", "name")
    experiment.folder.write("manifest.yaml", yaml.safe_dump(manifest))
    assert execute("again", main, ["-g", "group", "-n", "name", "--storage", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert problem in said.err


def test_a_copy_without_checkpoints_gives_the_same_report(finished: Design, tmp_path: Path) -> None:
    copy = Experiment.at(str(tmp_path / "copy"), *finished.experiment.folder.uri.split("/")[-2:])
    copied(finished.experiment, copy, checkpoints=False)
    for name in WRITTEN:
        copy.folder.remove(name)
    group, name = copy.folder.uri.split("/")[-2:]
    assert execute("report", report.main, ["-g", group, "-n", name, "--storage", str(tmp_path / "copy")]) == 0
    assert copy.folder.read("leaderboard.csv") == finished.experiment.folder.read("leaderboard.csv")


def test_a_search_that_money_has_ended_is_said_to_be(finished: Design) -> None:
    told = "The search was cut short: the money was spent."
    verdict = verdict_of(finished.experiment, finished.policy)
    tell(finished.experiment, verdict)
    assert told not in finished.experiment.folder.read("report.html")
    finished.experiment.mark_time_up("the money was spent")
    tell(finished.experiment, verdict)
    assert told in finished.experiment.folder.read("report.html")
