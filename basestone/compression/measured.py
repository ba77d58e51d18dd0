"""The latency of a network while it is pruned: on the back end that it will run on, not by counting operations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from basestone.compression.export import traced_openvino
from basestone.compression.runtime import (
    Example,
    Precision,
    Predictor,
    openvino_predictor,
    torch_predictor,
    usable_threads,
)

ROUNDS = 15
LEAST_S = 0.15  # a measurement lasts at least as long, however fast the network is


def latency_of(
    example: Example, backend: Literal["eager", "openvino", "flops"], precision: Precision, batch_size: int
) -> Callable[[nn.Module], float]:
    """A function from a network to the median seconds of one prediction of ``batch_size`` samples of ``example``.

    ``flops`` counts operations in the place of seconds: the same on every machine, and blind to what makes some of them
    slower than others.
    """
    if backend == "flops":
        return lambda model: _operations(model, tuple(x[:batch_size] for x in example))
    arrays = [x[:batch_size].contiguous().numpy() for x in example]

    def latency(model: nn.Module) -> float:
        predict: Predictor
        if backend == "openvino":
            predict = openvino_predictor(traced_openvino(model, example), precision, usable_threads())
        else:
            predict = torch_predictor(model, precision, compiled=False)
        return _median(predict, arrays)

    return latency


def _operations(model: nn.Module, inputs: Example) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(*inputs)
    return float(counter.get_total_flops())


def _median(predict: Predictor, arrays: list[Any]) -> float:
    for _ in range(3):
        predict(*arrays)
    seconds: list[float] = []
    while len(seconds) < ROUNDS or sum(seconds) < LEAST_S:
        started = time.perf_counter()
        predict(*arrays)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
