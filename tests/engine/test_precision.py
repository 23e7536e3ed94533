import pytest
import torch

from tuner.engine.precision import autocast, resolve

CPU = torch.device("cpu")


def test_a_named_precision_is_taken_as_it_is() -> None:
    assert (resolve("fp32", CPU), resolve("bf16", CPU)) == ("fp32", "bf16")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"bf16": True}, "bf16"), ({"avx2": True}, "fp32")],
)
def test_auto_is_bf16_only_where_the_hardware_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert resolve("auto", CPU) == expected


def test_bf16_changes_the_products_and_fp32_does_not() -> None:
    x = torch.rand((64, 64), generator=torch.Generator().manual_seed(0))
    with autocast("bf16", CPU):
        assert (x @ x).dtype == torch.bfloat16
    with autocast("fp32", CPU):
        assert torch.equal(x @ x, torch.mm(x, x))
