import re
from pathlib import Path

import pytest

from tuner.config import Config, DataConfig, ModelConfig, TrainingConfig
from tuner.errors import InputError
from tuner.mutation.shared import DATA, SHARED, TRAINING, check_halves, check_shared, shared_settings
from tuner.mutation.space import load_mutations
from tuner.settings import build


@pytest.mark.parametrize(("function", "name"), [(function, name) for function in SHARED for name in SHARED[function]])
def test_a_mutation_of_what_members_have_in_common_is_refused(tmp_path: Path, function: str, name: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(f"add_dense_layer: [{{num_units: [2]}}]\n{function}:\n  - {name}: [1, 2]\n")
    told = (
        f"{file}:3: {function}: {name} is the same for all members of a population, since their networks pass from "
        "one to the other; leave it out, or take another --search"
    )
    with pytest.raises(InputError, match=f"^{re.escape(told)}$"):
        check_shared(load_mutations(file))


def test_all_other_mutations_are_not(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "change_training: [{learning_rate: [1], batch_size: [2], precision: [fp32]}]\n"
        "change_model: [{image_size: [8]}]\nset_distortion: [{name: [rotate], max_angle: [3]}]\n"
    )
    check_shared(load_mutations(tmp_path / "m.yaml"))
    check_shared(())


def test_the_settings_in_common_are_settings_and_the_others_do_not_count() -> None:
    assert set(DATA) <= set(DataConfig.model_fields)
    assert set(TRAINING) <= set(TrainingConfig.model_fields)
    other = Config(model=ModelConfig(image_size=8), training=TrainingConfig(learning_rate=1.0))
    assert shared_settings(other) == shared_settings(Config())
    assert shared_settings(Config(data=DataConfig(folds=2))) != shared_settings(Config())


@pytest.mark.parametrize(("data", "fits"), [({"eval_size": 1}, False), ({"eval_size": 2}, True), ({"folds": 2}, True)])
def test_a_split_holds_out_images_for_the_choice_and_for_the_numbers(data: dict[str, int], fits: bool) -> None:
    base = build(Config, {"data": {"eval_size": 1, **data}})
    if fits:
        check_halves(base)
    else:
        with pytest.raises(InputError, match=r"data\.eval_size must be at least 2 in a population"):
            check_halves(base)
