import csv
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from tuner.config import Config, ConvLayer, DenseLayer, LogitsLayer, ModelConfig, load_config
from tuner.errors import InputError, TunerError
from tuner.folder import Folder
from tuner.lineage import single
from tuner.model import ConvNet
from tuner.promotion.account import Account
from tuner.promotion.ensemble import Ensemble, ensemble_of
from tuner.promotion.export import export
from tuner.promotion.from_checkpoint import random_images
from tuner.promotion.predict import centre, load_bundle, predict, write_submission

ALL_OPTIONS = ModelConfig(
    image_size=17,
    conv_layers=(
        ConvLayer(num_filters=4, kernel_size=4, dropout_rate=0.2, batch_norm=True),
        ConvLayer(num_filters=5, kernel_size=3, padding="valid", pool_size=1),
        ConvLayer(num_filters=6, kernel_size=1, pool_size=3),
    ),
    dense_layers=(DenseLayer(num_units=7, dropout_rate=0.5),),
    logits_layer=LogitsLayer(dropout_rate=0.5),
)


def account_of(config: Config) -> Account:
    neurons = ("a", "b,c")
    metrics = {"rmse": 0.25, "nothing": float("nan")}
    return Account(
        {"a": single(config)}, "A test", metrics, "As good as it gets.", neurons, {"rmse": (0.2, 0.3)}, "Made up."
    )


def ensemble(count: int = 2) -> Ensemble:
    nets = [ConvNet(ALL_OPTIONS, 2, torch.Generator().manual_seed(seed)) for seed in range(count)]
    for net in nets:
        net.train()
        net(torch.rand(8, 3, 17, 17))  # moves the running statistics
        with torch.no_grad():
            net.logits.bias += 1.0
    return Ensemble(nets).eval()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ensemble]:
    folder, model = tmp_path_factory.mktemp("bundle"), ensemble()
    export(model, account_of(Config(model=ALL_OPTIONS)), random_images(17), Folder.at(str(folder)), "best")
    return folder / "best", model


def test_both_models_give_what_the_networks_give_for_any_batch_size(bundle: tuple[Path, Ensemble]) -> None:
    folder, model = bundle
    exported = torch.export.load(folder / "model.pt2").module()
    loaded = load_bundle(folder)
    for size in (1, 2, 3, 300):
        images = torch.rand(size, 17, 17, 3, generator=torch.Generator().manual_seed(size))
        with torch.no_grad():
            expected = model(images).numpy()
        np.testing.assert_allclose(exported(images).detach().numpy(), expected, atol=1e-5)
        np.testing.assert_allclose(predict(loaded, images.numpy()), expected, atol=1e-5)


def test_loading_needs_neither_this_package_nor_ray(bundle: tuple[Path, Ensemble]) -> None:
    code = """
import sys
sys.modules["tuner"] = sys.modules["ray"] = None
import torch
model = torch.export.load("model.pt2").module()
assert model(torch.rand(2, 17, 17, 3)).shape == (2, 2)
"""
    subprocess.run([sys.executable, "-c", code], cwd=bundle[0], check=True, timeout=120)


def test_the_bundle_describes_itself(bundle: tuple[Path, Ensemble]) -> None:
    folder, _ = bundle
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.pt2", "model.onnx", "config.yaml", "metrics.json", "neurons.csv", "README.md"}
    assert load_config(folder / "config.yaml").model == ALL_OPTIONS
    assert json.loads((folder / "metrics.json").read_text()) == {"rmse": 0.25, "nothing": None}
    rows = list(csv.DictReader((folder / "neurons.csv").read_text().splitlines()))
    assert rows == [{"neuron": "a", "rmse": "0.2"}, {"neuron": "b,c", "rmse": "0.3"}]
    text = (folder / "README.md").read_text()
    assert "As good as it gets." in text
    assert "The mean of 2 networks that predicts the responses of 2 neurons" in text


def test_the_models_hold_their_weights_themselves(bundle: tuple[Path, Ensemble]) -> None:
    onnx.checker.check_model(onnx.load(bundle[0] / "model.onnx", load_external_data=False), full_check=True)
    assert zipfile.is_zipfile(bundle[0] / "model.pt2")


class Jump(nn.Module):
    """Answers otherwise once it was exported: its export always takes the branch of the example."""

    nets = (1,)

    def __init__(self) -> None:
        super().__init__()
        self.exported = False

    def forward(self, images_BHWC: Tensor) -> Tensor:
        answer = images_BHWC.mean(dim=(1, 2))
        if not torch.compiler.is_compiling():
            answer = answer + 1
        return answer


def test_a_model_that_answers_otherwise_once_exported_is_not_announced(tmp_path: Path) -> None:
    with pytest.raises(TunerError, match=r"the exported model\.(pt2|onnx) answers otherwise .* by up to 1"):
        export(Jump(), account_of(Config()), random_images(8), Folder.at(str(tmp_path)), "best")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_config_are_refused() -> None:
    weights = {"repeat0-fold0": {"convs.0.weight": torch.zeros(1)}}
    with pytest.raises(InputError, match="the weights of repeat0-fold0 do not fit the config"):
        ensemble_of(Config(model=ALL_OPTIONS), 2, weights)


def test_weights_of_another_number_of_neurons_than_the_config_tells_are_refused() -> None:
    changed = ALL_OPTIONS.model_copy(update={"num_classes": 3})
    with pytest.raises(InputError, match="the config has num_classes: 3, but the weights are of 2 neurons"):
        ensemble_of(Config(model=changed), 2, {})


@pytest.mark.parametrize(("height", "width", "size"), [(20, 20, 16), (21, 20, 16), (17, 30, 17), (19, 18, 15)])
def test_images_are_cut_where_training_cuts_them(height: int, width: int, size: int) -> None:
    from tuner.dataset.distortions import crop_centre

    images = np.random.default_rng(0).random((2, height, width, 3), dtype=np.float32)
    cropped = crop_centre(torch.from_numpy(images).movedim(-1, 1), size).movedim(1, -1).numpy()
    np.testing.assert_array_equal(centre(images, size), cropped)


def test_bytes_and_fractions_of_an_image_are_predicted_alike(bundle: tuple[Path, Ensemble]) -> None:
    loaded = load_bundle(bundle[0])
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 21, 3), dtype=np.uint8)
    fractions = (images / 255).astype(np.float32)
    np.testing.assert_allclose(predict(loaded, images), predict(loaded, fractions), atol=1e-6)


def test_images_smaller_than_the_models_are_refused(bundle: tuple[Path, Ensemble]) -> None:
    with pytest.raises(InputError, match="takes images of at least 17 x 17 pixels, but got 16 x 40"):
        predict(load_bundle(bundle[0]), np.zeros((1, 16, 40, 3), dtype=np.uint8))


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path, bundle: tuple[Path, Ensemble]) -> None:
    with pytest.raises(InputError, match=r"is not a bundle: it has no model\.onnx"):
        load_bundle(tmp_path)
    for name in ("config.yaml", "neurons.csv"):
        (tmp_path / name).write_bytes((bundle[0] / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="is not a whole bundle"):
        load_bundle(tmp_path)


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"/pipe cannot be written: No such device or address"):
        write_submission(tmp_path / "pipe", np.array([7]), ("a",), np.ones((1, 1), np.float32))


def test_a_pipe_that_is_read_has_the_whole_submission(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    count = 20_000  # more than a pipe holds
    with (tmp_path / "read").open("w") as target, subprocess.Popen(["cat", tmp_path / "pipe"], stdout=target) as reader:
        for _ in range(100):
            try:
                write_submission(tmp_path / "pipe", np.arange(count), ("a",), np.ones((count, 1), np.float32))
                break
            except InputError:  # the reader has not begun
                time.sleep(0.1)
        reader.wait(20)
    assert len((tmp_path / "read").read_text().splitlines()) == count + 1


def test_a_submission_has_a_row_an_image_and_a_column_a_neuron(tmp_path: Path) -> None:
    responses = np.array([[1.5, 2.25]], dtype=np.float32)
    write_submission(tmp_path / "deep" / "sub.csv", np.array([7]), ("a", "b"), responses)
    assert (tmp_path / "deep" / "sub.csv").read_text() == "Id,a,b\n7,1.500000,2.250000\n"
