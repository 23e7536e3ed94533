from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tuner.config import Config
from tuner.hyper_parameters import differing
from tuner.reporting.tensorboard import TensorBoardWriter
from tuner.results.record import Descent, Measurement
from tuner.settings import replaced

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def events(config: Config, tmp_path: Path) -> EventAccumulator:
    other = replaced(config, {"training": replaced(config.training, {"learning_rate": 0.5})})
    writer = TensorBoardWriter({"v": config, "other": other}, {})
    for step, rmse in ((10, 0.5), (20, 0.3), (30, 0.4)):
        measurement = Measurement(step, rmse, 0.1, 0.2, ("a", "b"), (rmse, 2 * rmse), (0.5, 0.6), (0.1, 0.2), 1.0)
        writer.measured("v", tmp_path, measurement)
    writer.ended("v", "")
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    return found


def test_every_evaluation_is_a_scalar_at_its_training_step(events: EventAccumulator) -> None:
    scalars = {
        tag: [(point.step, round(point.value, 6)) for point in events.Scalars(tag)] for tag in events.scalars.Keys()
    }
    assert scalars["all_neurons/rmse_eval"] == [(10, 0.5), (20, 0.3), (30, 0.4)]
    assert scalars["all_neurons/rmse_best"] == [(10, 0.5), (20, 0.3)]
    assert scalars["all_neurons/rmse_train"] == [(10, 0.2), (20, 0.2), (30, 0.2)]
    assert scalars["neuron_rmse/b"] == [(10, 1.0), (20, 0.6), (30, 0.8)]
    assert scalars["neuron_correlation/a"] == [(10, 0.5), (20, 0.5), (30, 0.5)]


def test_the_hparams_tab_shows_what_differs_between_the_variants(events: EventAccumulator) -> None:
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"training.learning_rate" in content
    assert b"model.conv_layers.0.num_filters" not in content


def test_a_missing_setting_differs_from_one_that_is_there() -> None:
    assert differing([{"a": 1, "b": 2}, {"a": 1}]) == {"b"}
    assert differing([{"a": 1}, {"a": True}]) == {"a"}
    assert differing([{"a": 1}]) == set()


def test_the_best_rmse_does_not_rise_when_a_trial_goes_on(config: Config, tmp_path: Path) -> None:
    def measured(step: int, rmse: float) -> Measurement:
        return Measurement(step, rmse, 0.1, 0.2, (), (), (), (), 1.0)

    writer = TensorBoardWriter({"v": config}, {"v": measured(10, 0.3)})
    for step, rmse in ((20, 0.4), (30, 0.2)):
        writer.measured("v", tmp_path, measured(step, rmse))
    writer.ended("v", "")
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert [point.step for point in found.Scalars("all_neurons/rmse_best")] == [30]


def test_a_populations_member_tells_when_it_went_on_from_another_and_shows_no_settings(
    config: Config, tmp_path: Path
) -> None:
    descents = (
        Descent(0, "", ("wide",), ""),
        Descent(10, "member-2", ("wide", "deep"), "inherited 94 % of 9.5 k weights"),
        Descent(10, "member-2", ("wide", "deep"), ""),
    )
    writer = TensorBoardWriter({"v": config}, {})
    for number, descent in enumerate(descents):
        row = Measurement(10 * (number + 1), 0.5, 0.1, 0.2, (), (), (), (), 1.0, descent=descent)
        writer.measured("v", tmp_path, row)
    writer.ended("v", "")
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (text,) = [tag for tag in found.Tags()["tensors"] if tag.startswith("population")]
    (told,) = found.Tensors(text)
    assert told.step == 10
    assert told.tensor_proto.string_val[0] == b"from member-2: wide and deep; inherited 94 % of 9.5 k weights"
    assert "_hparams_/session_start_info" not in found.summary_metadata
