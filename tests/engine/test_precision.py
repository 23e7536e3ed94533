import pytest
import torch

from tuner.engine import precision
from tuner.engine.precision import autocast, bf16_speedup, resolve

CPU = torch.device("cpu")


def test_a_named_precision_is_taken_as_it_is() -> None:
    assert (resolve("fp32", CPU), resolve("bf16", CPU)) == ("fp32", "bf16")


@pytest.mark.parametrize(
    ("capabilities", "speedup", "expected"),
    [
        ({"avx512_bf16": True}, 2.0, "bf16"),
        ({"amx_bf16": True}, 8.0, "bf16"),
        ({"bf16": True}, 1.8, "bf16"),
        ({"avx512_bf16": True}, 0.5, "fp32"),
        ({"avx2": True}, 2.0, "fp32"),
    ],
)
def test_auto_is_bf16_only_where_the_hardware_multiplies_it_and_faster(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], speedup: float, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(precision, "bf16_speedup", lambda: speedup)
    assert resolve("auto", CPU) == expected


def test_the_speedup_is_a_ratio_and_measured_once() -> None:
    assert 0.01 < bf16_speedup() < 100
    assert bf16_speedup() == bf16_speedup()


def test_bf16_changes_the_products_and_fp32_does_not() -> None:
    x = torch.rand((64, 64), generator=torch.Generator().manual_seed(0))
    with autocast("bf16", CPU):
        assert (x @ x).dtype == torch.bfloat16
    with autocast("fp32", CPU):
        assert torch.equal(x @ x, torch.mm(x, x))
