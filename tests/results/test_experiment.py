import json
from pathlib import Path

import pytest

from tuner.config import Config
from tuner.dataset.splits import whole
from tuner.engine.checkpoint import Checkpoint, write_checkpoint
from tuner.engine.out_of_fold import no_evaluations
from tuner.engine.stopping import Patience
from tuner.errors import InputError, last_line
from tuner.lineage import Phase
from tuner.results.ending_marks import EndingMarks
from tuner.results.entry import Entry
from tuner.results.experiment import Experiment
from tuner.results.origin import Origin
from tuner.results.record import Measurement
from tuner.settings import replaced

ORIGIN = Origin("Made up.", False, "abc", 3)


@pytest.fixture
def experiment(config: Config, tmp_path: Path) -> Experiment:
    experiment = Experiment.at(str(tmp_path), "group", "name")
    entries = (Entry("base", config, ()), Entry("other", config, ("a", "b")))
    experiment.begin({"seed": 3, "variants": {entry.name: list(entry.mutations) for entry in entries}}, entries, ORIGIN)
    return experiment


def row(step: int, rmse: float, ending: str = "") -> str:
    neuron = {metric: {"a": rmse} for metric in ("rmse", "correlation", "r2")}
    values = {"step": step, "rmse": rmse, "rmse_se": 0.1, "train_rmse": 0.4, "neuron": neuron, "ending": ending}
    return json.dumps({**values, "time_total_s": 9.0})


def test_what_was_begun_is_read_again(experiment: Experiment, config: Config) -> None:
    assert experiment.manifest()["seed"] == 3
    assert experiment.entries() == (Entry("base", config, ()), Entry("other", config, ("a", "b")))


@pytest.mark.parametrize(
    ("rows", "error", "status"),
    [
        ([], "", "unfinished"),
        ([row(2, 0.5)], "", "unfinished"),
        ([row(2, 0.5), row(4, 0.6, "no_improvement")], "", "finished"),
        ([row(2, 0.5, "max_steps")], "", "finished"),
        ([row(2, 0.5), row(4, float("nan"), "diverged")], "", "diverged"),
        ([row(2, 0.5), row(4, float("nan")), row(6, float("nan"), "max_steps")], "", "diverged"),
        ([row(2, 0.5), row(4, float("nan")), row(6, 0.4, "max_steps")], "", "finished"),
        ([row(2, 0.5)], "MemoryError: too much", "failed"),
    ],
)
def test_a_trials_files_tell_how_it_ended(experiment: Experiment, rows: list[str], error: str, status: str) -> None:
    experiment.folder.write("other/result.json", "".join(f"{line}\n" for line in rows))
    experiment.folder.write("other/error.txt", "Failure # 1\nRuntimeError: it was tried again\n")
    if error:
        EndingMarks(experiment).ended("other", error)
    base, other = experiment.records()
    assert base.status == "unfinished"
    assert other.status == status
    assert len(other.measurements) == len(rows)
    assert other.error == error


def test_a_member_that_is_ended_with_its_population_after_it_diverged_does_not_win(experiment: Experiment) -> None:
    experiment.folder.write("other/result.json", f"{row(2, 0.5)}\n{row(4, float('nan'))}\n")
    EndingMarks(experiment).ended("other", "")
    _, other = experiment.records()
    assert (other.status, other.eligible) == ("diverged", False)


def test_an_experiment_that_is_not_there_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no experiment in .*/group/name"):
        Experiment.at(str(tmp_path), "group", "name").manifest()


def test_a_missing_config_is_not_taken_for_the_default_one(experiment: Experiment) -> None:
    experiment.folder.write("other/config.yaml", "")
    with pytest.raises(InputError, match=r"other/config\.yaml is missing"):
        experiment.entries()


def test_the_last_line_of_a_traceback_is_what_went_wrong() -> None:
    assert last_line("Traceback\n  x\nMemoryError: too much\n\n") == "MemoryError: too much"
    assert last_line("") == ""


def test_a_manifest_cut_short_is_said_to_be(experiment: Experiment) -> None:
    experiment.folder.write("manifest.yaml", "{")
    with pytest.raises(InputError, match=r"manifest\.yaml is not whole"):
        experiment.manifest()


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "variants: [base]",
        "variants: {}",
        "variants: {base: null}",
        "variants: {base: [1]}",
        "variants: {base: []}\noptions: [1]",
        "variants: {base: []}\nversions: 3",
        "variants: {base: []}\nseed: x",
        "variants: {base: []}\ndata: 2020-99-99",
        f"variants: {{base: []}}\nseed: {'9' * 5000}",
        "[" * 3000,
        "a: &a [*a]",
    ],
)
def test_a_manifest_of_another_shape_is_not_whole(experiment: Experiment, text: str) -> None:
    experiment.folder.write("manifest.yaml", text)
    with pytest.raises(InputError, match=r"/manifest\.yaml is not whole"):
        experiment.manifest()


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ".", "a\\\\b", "a\\0", "x" * 300])
def test_a_variants_name_stays_within_its_experiment(experiment: Experiment, name: str) -> None:
    experiment.folder.write("manifest.yaml", f'variants: {{base: [], "{name}": [x]}}')
    with pytest.raises(InputError, match="cannot be a variant's name"):
        experiment.entries()


def test_a_manifest_that_is_a_folder_is_the_users_error(experiment: Experiment) -> None:
    assert experiment.folder.local is not None
    (experiment.folder.local / "manifest.yaml").unlink()
    (experiment.folder.local / "manifest.yaml").mkdir()
    with pytest.raises(InputError, match=r"manifest\.yaml cannot be read"):
        experiment.manifest()


@pytest.mark.parametrize(("ending", "status"), [("", "stopped"), ("stopped", "unfinished")])
def test_a_trial_that_was_ended_while_it_waited_is_marked(experiment: Experiment, ending: str, status: str) -> None:
    marks = EndingMarks(experiment)
    marks.measured("other", Path(), Measurement(2, 0.5, 0.1, 0.4, (), (), (), (), 1.0, ending))
    marks.ended("other", "")
    assert experiment.records()[1].status == status


def test_a_variant_can_be_added_to_those_of_the_manifest(experiment: Experiment, config: Config) -> None:
    before = experiment.entries()
    experiment.add(Entry("more", config, ("a",)), ORIGIN)
    assert experiment.entries() == (*before, Entry("more", config, ("a",)))
    assert experiment.manifest()["seed"] == 3


def test_a_checkpoint_that_was_cut_short_hides_neither_the_lineage_nor_the_predictions(
    config: Config, tmp_path: Path
) -> None:
    experiment = Experiment.at(str(tmp_path), "g", "n")
    experiment.begin({"variants": {"base": []}}, (Entry("base", config, ()),), Origin("Made up.", True, "abc", 3))
    lineage = (Phase(0, config), Phase(2, replaced(config, {"training": replaced(config.training, {"max_steps": 9})})))
    curve = no_evaluations(whole(5, 1), 5, 2)
    for number in range(2):
        folder = tmp_path / "g" / "n" / "base" / f"checkpoint_{number:06d}"
        folder.mkdir()
        pack = {"step": number, "replicates": {"repeat0-fold0": {"net": {}}}}
        write_checkpoint(folder, Checkpoint(pack, Patience(3), None, {}, curve, lineage))
    for name in ("lineage.json", "out_of_fold.npz"):
        (folder / name).write_bytes((folder / name).read_bytes()[:20])
    assert experiment.entries()[0].schedule == lineage
    found = experiment.out_of_fold("base", ended=True)
    assert found is not None
    assert found.folds.tolist() == curve.folds.tolist()
    (folder.parent / "result.json").write_text(row(1, 0.5, "max_steps"))
    assert experiment.out_of_fold("base") is not None
    with pytest.raises(InputError, match=r"checkpoint_000001/out_of_fold\.npz is not a whole file"):
        experiment.out_of_fold("base", ended=True)
