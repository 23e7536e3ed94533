"""The laws of a pack on a CUDA device, under every plan."""

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.pack import Pack
from tuner.engine.plan import Plan
from tuner.settings import build, plain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
PLANS = [Plan(1), Plan(1, recorded=True), Plan(1, streams=True), Plan(3), Plan(3, recorded=True), None]


def pack_of(config: Config, dataset: Dataset, device: str, plan: Plan | None) -> Pack:
    splits = make_splits(config.data, len(dataset.labelled))
    return Pack(config, dataset, splits, seed=5, device=torch.device(device), plan=plan)


@pytest.fixture
def undropped(config: Config) -> Config:
    """The two devices' generators draw other numbers."""
    values = plain(config)
    for layer in (*values["model"]["conv_layers"], *values["model"]["dense_layers"], values["model"]["logits_layer"]):
        layer["dropout_rate"] = 0.0
    return build(Config, values)


@pytest.mark.parametrize("plan", PLANS)
def test_a_gpu_gives_what_the_cpu_gives(undropped: Config, dataset: Dataset, plan: Plan | None) -> None:
    cpu, gpu = pack_of(undropped, dataset, "cpu", None), pack_of(undropped, dataset, "cuda", plan)
    # Convolutions may use TF32, with 10 bits of mantissa.
    np.testing.assert_allclose(cpu.train(5), gpu.train(5), rtol=1e-2)
    np.testing.assert_allclose(cpu.evaluate(), gpu.evaluate(), rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("plan", PLANS)
def test_a_pack_restored_on_a_gpu_goes_on(config: Config, dataset: Dataset, plan: Plan | None) -> None:
    first, second = (pack_of(config, dataset, "cuda", plan) for _ in range(2))
    first.train(3)
    second.load_state(first.state())
    np.testing.assert_allclose(first.train(3), second.train(3), rtol=1e-2)


def test_a_gpu_drops_the_same_values_under_every_plan(config: Config, dataset: Dataset) -> None:
    first, *others = [pack_of(config, dataset, "cuda", plan).train(5) for plan in PLANS]
    for losses in others:
        np.testing.assert_allclose(losses, first, rtol=1e-2)
