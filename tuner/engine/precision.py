"""In which number format products are computed."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]

SIDE = 512
ROUNDS = 5
WORTH = 1.4
"""How much faster bf16 must multiply: it is about twice as fast or not at all, so the measurement is never close."""


def resolve(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The format that `auto` means on this device: bfloat16 where the hardware multiplies it, and faster, else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if _cpu_multiplies_bf16() and bf16_speedup() > WORTH else "fp32"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which products are computed in `precision`; weights, loss and optimiser stay fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


@lru_cache(maxsize=1)
def bf16_speedup() -> float:
    """How many times faster this CPU multiplies bf16 matrices than fp32 ones; measured once a process, in 50 ms.

    That the CPU has the instruction tells nothing: a Xeon with AVX512-BF16 but without AMX took twice fp32's time.
    """
    seconds = {dtype: min(_seconds(dtype) for _ in range(ROUNDS)) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _cpu_multiplies_bf16() -> bool:
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _seconds(dtype: torch.dtype) -> float:
    """Of one product; the first ones, which prepare it, are slower and lose."""
    matrix = torch.ones(SIDE, SIDE, dtype=dtype)
    start = time.perf_counter()
    torch.mm(matrix, matrix)
    return time.perf_counter() - start
