"""The machine's best: what fraction of it a training run reaches is only known when the best is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor


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


def training_peaks() -> dict[str, float]:
    """The best of several forward and backward passes of one 256→256 3×3 convolution, fp32 and bf16, in FLOP/s.

    Channels last, 16×16 pixels, batch 64: the layers in which residual networks on small images spend their time.
    """
    channels, side, batch = 256, 16, 64
    flops = 3 * 2 * batch * side * side * channels * channels * 9  # forward, gradient of the weight, of the input
    found: dict[str, float] = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        layer = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False, dtype=dtype)
        layer = layer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        images = torch.randn(batch, channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
        images.requires_grad_()
        gradient = torch.randn_like(images)

        def once(layer: torch.nn.Conv2d = layer, images: Tensor = images, gradient: Tensor = gradient) -> None:
            layer(images).backward(gradient)

        found[name] = flops / _best(once)
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
