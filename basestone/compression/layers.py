"""Layer pruning: whole residual blocks or Transformer layers that add time and little else go.

A block whose output has its input's shape can be skipped. What it contributes is measured, not guessed: the loss of the
network without it (Men et al. 2024, arXiv:2403.03853, find that many layers hardly matter; they judge by similarity).
Blocks go one at a time, the one with the least added loss per second saved first, and all are measured anew after each.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from basestone.compression.channels import Latency
from basestone.compression.runtime import Example
from basestone.compression.structure import Skipped, replace_module
from basestone.core.errors import UsageError

Loss = Callable[[nn.Module], float]


def skippable_blocks(model: nn.Module, example: Example) -> list[str]:
    """Names of blocks in a ``Sequential`` or ``ModuleList`` that hold weights and keep the shape of their input."""
    containers = (nn.Sequential, nn.ModuleList)
    names = [
        f"{name}.{child}" if name else child
        for name, module in model.named_modules()
        if isinstance(module, containers)
        for child, block in module.named_children()
        if not isinstance(block, (*containers, Skipped)) and _is_block(block)
    ]
    kept: set[str] = set()

    def look(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            same = isinstance(output, Tensor) and bool(inputs) and isinstance(inputs[0], Tensor)
            if same and output.shape == inputs[0].shape:
                kept.add(name)

        return hook

    handles = [model.get_submodule(name).register_forward_hook(look(name)) for name in names]
    try:
        with torch.no_grad():
            model.eval()(*example)
    finally:
        for handle in handles:
            handle.remove()
    return [name for name in names if name in kept]


def prune_layers(
    model: nn.Module, example: Example, latency: Latency, loss: Loss, *, target_s: float
) -> list[dict[str, Any]]:
    """Skips blocks of ``model`` in place until its measured latency is at most ``target_s``; says which, and why.

    Each entry: the block, the loss before and without it (``loss`` of the model, in nats), the latency before.

    Raises:
        UsageError: no block is left, or none saves time, and the target is not met.
    """
    told: list[dict[str, Any]] = []
    first = latency(model)
    while (now := latency(model) if told else first) > target_s:
        before = loss(model)
        trials = {name: _without(model, name) for name in skippable_blocks(model, example)}
        savings = {name: now - latency(trial) for name, trial in trials.items()}
        worth = {name: loss(trials[name]) - before for name, saving in savings.items() if saving > 0}
        if not worth:
            raise UsageError(
                f"Pruning must bring the latency to {target_s / first:.0%} of what it was. It is {now / first:.0%}, "
                "and no block is left that keeps its input's shape and takes time. Ask for less, or prune channels."
            )
        name = min(worth, key=lambda block: max(worth[block], 0.0) / savings[block])
        replace_module(model, name, Skipped())
        told.append({"block": name, "latency_s": now, "loss": before, "loss_without": before + worth[name]})
    return told


def _is_block(module: nn.Module) -> bool:
    """More than one layer: skipping a single convolution or norm is no layer pruning."""
    return sum(1 for part in module.modules() if part._parameters and not isinstance(part, nn.Sequential)) > 1


def _without(model: nn.Module, name: str) -> nn.Module:
    fewer = copy.deepcopy(model)
    replace_module(fewer, name, Skipped())
    return fewer
