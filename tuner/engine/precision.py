"""In which number format products are computed."""

from collections.abc import Mapping
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def resolve(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The format that `auto` means on this device: bfloat16 where the hardware multiplies it, else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "fp32"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which products are computed in `precision`; weights, loss and optimiser stay fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
