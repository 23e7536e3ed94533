import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal
from tuner.errors import InputError, Interrupted, TunerError
from tuner.lineage import Phase, dump_lineage
from tuner.raytune.stopper import Limits
from tuner.results.evidence import read_evidence
from tuner.results.spent import NOTHING, Machine
from tuner.seeding import seed_of
from tuner.settings import replaced
from tuner.stages import budget
from tuner.stages.budget import SEARCH_SHARE, Budget, Purse
from tuner.stages.configs import check_configs
from tuner.stages.design import Design
from tuner.stages.meter import Meter
from tuner.stages.search import ENDED, cut_back, is_searched, search

pytestmark = pytest.mark.usefixtures("root_log")


def test_a_search_runs_every_variant_with_a_seed_of_its_own_and_spares_the_control(
    design: Design, manifest: dict[str, Any], trials: Any
) -> None:
    search(design, trials, manifest, Budget(None))
    (call,) = trials.calls
    assert call.entries == design.entries
    assert call.seeds == {name: seed_of(design.seed, name) for name in ("base", "good", "fine", "bad")}
    assert call.limits == Limits(seconds=None, give_up=True, spared="base")
    assert is_searched(design)
    assert design.experiment.manifest() == manifest


def test_what_was_measured_can_be_read_without_the_data(design: Design, manifest: dict[str, Any], trials: Any) -> None:
    search(design, trials, manifest, Budget(None))
    evidence = read_evidence(design.experiment)
    assert list(evidence.search) == ["base", "good", "fine", "bad"]
    np.testing.assert_array_equal(evidence.responses, design.dataset.responses)
    assert (evidence.neurons, evidence.seed) == (design.dataset.neurons, design.seed)


def test_a_search_takes_its_share_of_the_time(
    design: Design, manifest: dict[str, Any], trials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped:
        @staticmethod
        def monotonic() -> float:
            return 7.0

    monkeypatch.setattr(budget, "time", Stopped)
    search(design, trials, manifest, Budget(1000, 7.0))
    assert trials.calls[0].limits.seconds == pytest.approx(1000 * SEARCH_SHARE)


def test_an_interrupted_search_goes_on_with_what_is_left_and_then_never_again(
    design: Design, manifest: dict[str, Any], trials: Any
) -> None:
    trials.patience = 2
    with pytest.raises(Interrupted):
        search(design, trials, manifest, Budget(None))
    assert not is_searched(design)
    trials.patience = None
    search(design, trials, None, Budget(None))
    assert [name for _, name in trials.trained] == ["base", "good", "fine", "bad"]
    assert is_searched(design)
    search(design, trials, None, Budget(None))
    assert len(trials.calls) == 2


def test_a_search_that_crashed_before_its_first_trial_goes_on(
    design: Design, manifest: dict[str, Any], trials: Any
) -> None:
    trials.patience = 0
    with pytest.raises(Interrupted):
        search(design, trials, manifest, Budget(None))
    search(design, replace(trials, patience=None), None, Budget(None))
    assert is_searched(design)


def test_the_log_goes_to_the_crews_file(design: Design, manifest: dict[str, Any], trials: Any) -> None:
    search(design, trials, manifest, Budget(None))
    logging.getLogger("somewhere").warning("heard")
    assert "heard" in trials.log.read_text()


def test_a_search_whose_time_was_up_at_once_can_only_be_begun_again(
    design: Design, manifest: dict[str, Any], trials: Any, root_log: None
) -> None:
    trials.failing = {"name": set(trials.levels)}
    with pytest.raises(TunerError, match="time was up before anything was measured; begin another experiment"):
        search(design, trials, manifest, Budget(1e9))
    assert not design.experiment.folder.exists(ENDED)


def test_who_was_hopeless_is_cut_back_to_where_that_was_clear_whoever_ran_first(
    design: Design, manifest: dict[str, Any], trials: Any
) -> None:
    training = {"early_stopping_evals": 1, "eval_steps": 1, "max_steps": 8}
    entries = tuple(
        replace(entry, config=replaced(entry.config, {"training": replaced(entry.config.training, training)}))
        for entry in design.entries
    )
    design = replace(design, entries=entries)
    search(design, trials, manifest, Budget(None))
    records = {record.variant: record for record in design.experiment.records()}
    assert {name: len(record.measurements) for name, record in records.items()} == {
        "base": 8,
        "good": 8,
        "fine": 8,
        "bad": 4,  # while it falls fast, there is hope
    }
    assert records["bad"].status == "stopped"
    assert records["fine"].status == "finished"
    curve = design.experiment.out_of_fold("bad")
    assert curve is not None
    assert curve.steps.tolist() == [1, 2, 3, 4]
    assert "worse than base" in design.experiment.folder.read("bad/stopped.txt")
    before = design.experiment.folder.read("bad/result.json")
    cut_back(design)
    assert design.experiment.folder.read("bad/result.json") == before


def test_a_config_that_was_edited_so_that_it_does_not_fit_the_data_is_not_gone_on_with(
    searched: Design, trials: Any
) -> None:
    searched.experiment.folder.write(ENDED, "")
    search(searched, trials, None, Budget(None))
    folder = searched.experiment.folder / "good"
    folder.write("config.yaml", folder.read("config.yaml").replace("image_size: 16", "image_size: 99"))
    with pytest.raises(
        InputError, match=r"/good/config\.yaml does not fit the data: model\.image_size must be at most 20"
    ):
        search(searched, trials, None, Budget(None))
    assert trials.calls == []


def test_nor_is_a_lineage(searched: Design) -> None:
    config = searched.entries[1].config
    other = replaced(config, {"model": replaced(config.model, {"image_size": 21})})
    lineage = (Phase(0, other), Phase(2, config, ("smaller",), "base"))
    trial = searched.experiment.folder / "good"
    files = {"lineage.json": dump_lineage(lineage).encode()}
    for name, content in {**files, SEAL: Seal.of(2, files).dump().encode()}.items():
        trial.write(f"{trial.folders()[-1]}/{name}", content)
    with pytest.raises(InputError, match=r"/good/checkpoint_\*/lineage\.json does not fit the data: model\.image_size"):
        check_configs(searched.experiment, searched.dataset)


def test_a_search_ends_once_its_share_of_the_money_is_spent(
    design: Design, manifest: dict[str, Any], trials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter({}, NOTHING.after([Machine("g5.xlarge spot", 2.0)], 3600))
    search(design, trials, manifest, Budget(None, purse=Purse(4.0, meter)))
    assert trials.calls[0].limits.money_spent()
