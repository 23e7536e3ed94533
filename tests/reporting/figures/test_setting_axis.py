import pytest

from tuner.reporting.figures.parallel import axis_title
from tuner.reporting.figures.setting_axis import setting_axis


def test_few_values_are_evenly_spaced_in_their_order() -> None:
    axis = setting_axis((64, 16, 32, 16))
    assert axis.positions == (1.0, 0.0, 0.5, 0.0)
    assert [text for _, text in axis.ticks] == ["16", "32", "64"]
    assert axis.discrete


def test_a_variant_that_lacks_the_setting_lies_below_the_others() -> None:
    axis = setting_axis(("same", None, "valid"))
    assert axis.positions[1] == 0 < axis.positions[0] < axis.positions[2] == 1
    assert [text for _, text in axis.ticks] == ["none", "same", "valid"]


def test_many_numbers_are_to_scale() -> None:
    assert setting_axis(tuple(range(11))).positions[3] == pytest.approx(0.3)
    assert setting_axis(tuple(10.0**-power for power in range(11))).positions[3] == pytest.approx(0.7)


def test_of_many_words_only_some_are_written() -> None:
    axis = setting_axis(tuple(f"word {index:02d}" for index in range(30)))
    assert len(set(axis.positions)) == 30
    assert len(axis.ticks) <= 9


def test_truth_is_not_a_number() -> None:
    assert [text for _, text in setting_axis((True, False)).ticks] == ["false", "true"]


def test_one_value_has_a_place() -> None:
    assert setting_axis((3, 3)).positions == (0.5, 0.5)


def test_a_title_keeps_a_layers_number_with_its_list() -> None:
    assert axis_title("model.conv_layers.0.num_filters") == "conv_layers 0\nnum_filters"
    assert axis_title("precision") == "precision"
