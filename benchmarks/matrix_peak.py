"""How fast this machine multiplies matrices, which is what training a network is held to."""

import time

import torch

SIZES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def matrix_peak(device: torch.device, seconds: float) -> dict[str, float]:
    """Operations a second in each number format, two a multiply-add: the best of several sizes."""
    sizes = SIZES[device.type]
    share = seconds / (len(sizes) * len(FORMATS))
    return {name: max(_rate(dtype, size, device, share) for size in sizes) for name, dtype in FORMATS.items()}


@torch.inference_mode()
def _rate(dtype: torch.dtype, size: int, device: torch.device, seconds: float) -> float:
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    product = left @ right
    _wait(device)
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or count == 0:
        torch.matmul(left, right, out=product)
        _wait(device)
        count += 1
    return 2 * size**3 * count / elapsed


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
