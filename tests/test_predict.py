import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.hostile.models import NEURONS, SIZE, whole_onnx
from tuner.config import Config, ModelConfig, dump_config
from tuner.dataset.load import simulated_dataset
from tuner.errors import InputError
from tuner.predict import main
from tuner.promotion.predict import load_bundle, of_simulated_data, predict

IMAGES = np.zeros((3, SIZE, SIZE, 3), np.uint8)


def bundle(folder: Path, metrics: str, neurons: tuple[str, ...] = NEURONS, model: bytes = b"") -> Path:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model or whole_onnx())
    (folder / "config.yaml").write_text(dump_config(Config(model=ModelConfig(image_size=SIZE))))
    (folder / "neurons.csv").write_text("\n".join(["neuron", *neurons]))
    (folder / "metrics.json").write_text(metrics)
    return folder


def model_of(neurons: int) -> bytes:
    model = onnx.load_model_from_string(whole_onnx())
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, neurons], [0.5] * 3 * neurons)
    model.graph.initializer[0].CopyFrom(weights)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = neurons
    return bytes(model.SerializeToString())


def of_the_simulation(folder: Path, simulated: bool) -> Path:
    """A bundle whose neurons have the names of the simulated ones."""
    neurons = simulated_dataset().neurons
    return bundle(folder, json.dumps({"simulated": simulated}), neurons, model_of(len(neurons)))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder without a data set."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_simulated_images_do_not_stand_in_for_those_of_a_bundle_of_recorded_data(nowhere: Path) -> None:
    of_the_simulation(nowhere / "best", False)
    with pytest.raises(
        InputError, match=r"^best was trained on recorded data, but there is no data set in data/ to pre"
    ):
        main(["-e", "best"])
    assert not (nowhere / "submission.csv").exists()


@pytest.mark.parametrize(("simulated", "options"), [(False, ["--data", "simulated"]), (True, [])])
def test_simulated_images_are_predicted_if_they_are_asked_for_or_were_trained_on(
    nowhere: Path, simulated: bool, options: list[str]
) -> None:
    of_the_simulation(nowhere / "best", simulated)
    main(["-e", "best", *options])
    assert len((nowhere / "submission.csv").read_text().splitlines()) == 51


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ('{"simulated": true}', True),
        ('{"simulated": false}', False),
        ("{}", None),
        ("[]", None),
        ('{"simulated": 1}', None),
    ],
)
def test_a_bundle_tells_whether_it_was_trained_on_simulated_data(
    tmp_path: Path, metrics: str, told: bool | None
) -> None:
    assert of_simulated_data(bundle(tmp_path / "best", metrics)) is told


@pytest.mark.parametrize("metrics", ["", "{", "[" * 100_000])
def test_metrics_that_are_not_json_are_said(tmp_path: Path, metrics: str) -> None:
    with pytest.raises(InputError, match=r"metrics\.json is not JSON$"):
        of_simulated_data(bundle(tmp_path / "best", metrics))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("name\na\nb", "must have a column neuron, with a name of its own in each row"),
        ("neuron\na\na", "must have a column neuron, with a name of its own in each row"),
        ('neuron\na\n""', "must have a column neuron, with a name of its own in each row"),
        ('neuron\n"a', ":2: this is not CSV: unexpected end of data"),
        ("neuron\na\nb\nc", "names 3 neurons, but the model has 2 outputs"),
    ],
)
def test_a_table_of_neurons_that_is_none_is_said(tmp_path: Path, table: str, problem: str) -> None:
    folder = bundle(tmp_path / "best", "{}")
    (folder / "neurons.csv").write_text(table)
    with pytest.raises(InputError, match=rf"neurons\.csv.*{problem}$"):
        load_bundle(folder)


def test_a_model_of_images_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "best", "{}")
    (folder / "config.yaml").write_text("model: {image_size: 5}")
    with pytest.raises(InputError, match=r"config\.yaml tells of images of 5 x 5 pixels, but the model takes others"):
        load_bundle(folder)


def test_a_model_that_gives_something_else_than_it_says_is_the_bundles_error(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(whole_onnx())
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Reshape", ["images", "axes"], ["responses"]))
    folder = bundle(tmp_path / "best", "{}", model=bytes(model.SerializeToString()))
    with pytest.raises(InputError, match="the bundle's model cannot predict: "):
        predict(load_bundle(folder), IMAGES)
