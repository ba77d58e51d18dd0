"""A network without its numbers: shapes flow through it, nothing is computed and no memory is needed."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def meta_copy(module: nn.Module, *, training: bool = False) -> nn.Module:
    """A copy on the meta device, in training or evaluation mode; ``module`` is not touched, tied weights stay tied.

    No weight is copied: deepcopy is told beforehand what becomes of each tensor.
    """
    memo: dict[int, object] = {id(buffer): buffer.to("meta") for buffer in module.buffers()}
    memo |= {id(weight): _meta_parameter(weight) for weight in module.parameters()}
    return copy.deepcopy(module, memo).train(training)


def meta_input(module: nn.Module, input_shape: tuple[int, ...], samples: int) -> Tensor:
    """``samples`` inputs of this shape without values, float32 or of the module's own ``input_dtype``."""
    return torch.empty((samples, *input_shape), dtype=getattr(module, "input_dtype", torch.float32), device="meta")


def _meta_parameter(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(weight.detach().to("meta"), requires_grad=weight.requires_grad)
