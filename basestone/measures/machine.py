"""The machine's best: what fraction of it a training run reaches is only known when the best is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def peaks() -> dict[str, float]:
    """The best of several runs of one large matrix product and one 3×3 convolution, fp32 and bf16, in FLOP/s."""
    size, channels, side, batch = 1536, 128, 32, 32
    found: dict[str, float] = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a = torch.randn(size, size, dtype=dtype)
        images = torch.randn(batch, channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
        found[f"gemm_{name}"] = 2 * size**3 / _best(lambda a=a: a @ a)
        convolution = 2 * batch * side * side * channels * channels * 9
        found[f"conv_{name}"] = convolution / _best(
            lambda images=images, kernel=kernel: torch.conv2d(images, kernel, padding=1)
        )
    return found


def median_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median wall time of ``work``, after one call that is not counted when there are several."""
    return statistics.median(_timed(work, rounds, warm=rounds > 1))


def _best(work: Callable[[], object], rounds: int = 12) -> float:
    return min(_timed(work, rounds))


def _timed(work: Callable[[], object], rounds: int, *, warm: bool = False) -> list[float]:
    if warm:
        work()
    seconds: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds
