import platform
from typing import Any

import pytest
import torch

from tuner.config import ConvLayer, ModelConfig
from tuner.engine.layout import is_blocked, memory_format

CPU = torch.device("cpu")
FITS: dict[str, Any] = {"num_filters": 16, "kernel_size": 3}


def model_of(*layers: dict[str, Any]) -> ModelConfig:
    return ModelConfig(conv_layers=tuple(ConvLayer(**{**FITS, **layer}) for layer in layers))


@pytest.fixture(autouse=True)
def wide_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that the rule was measured on."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (model_of({}, {"num_filters": 32}), True),
        (model_of({"kernel_size": 4, "dropout_rate": 0.2}), True),
        (model_of({}, {"kernel_size": 4, "padding": "valid"}), True),
        (model_of({"num_filters": 20}), False),
        (model_of({"batch_norm": True}), False),
        (model_of({}, {"kernel_size": 4}), False),
        (model_of({}, {"dropout_rate": 0.2}), False),
        (ModelConfig(), False),
    ],
)
def test_layers_that_fill_the_blocks_are_blocked(model: ModelConfig, expected: bool) -> None:
    assert is_blocked(model, "fp32", CPU) == expected


def test_only_fp32_on_a_cpu_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_blocked(model_of({}), "fp32", CPU)
    assert not is_blocked(model_of({}), "bf16", CPU)
    assert not is_blocked(model_of({}), "fp32", torch.device("cuda"))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not is_blocked(model_of({}), "fp32", CPU)


def test_what_is_not_blocked_lies_channels_last() -> None:
    assert memory_format(False) is torch.channels_last
    assert memory_format(True) is torch.contiguous_format
