"""A built model as a thing with a cost and a file: parameters, FLOPs, and weights on disk.

FLOPs are counted by PyTorch's dispatcher-level counter while shapes (not numbers) run through the network, so that no
operator is missed because nobody thought of its layer; one multiply-accumulate (MAC) is two FLOPs. ``flops`` holds the
second, independent count. Weights are safetensors: nothing is ever unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from basestone.core.artifact import write_atomically
from basestone.core.batch import Batch
from basestone.core.contracts import Objective
from basestone.core.errors import ArtifactError
from basestone.models.flops import analytic_flops
from basestone.models.meta import meta_copy, meta_input

__all__ = [
    "ModelCost",
    "analytic_flops",
    "describe",
    "load_trained",
    "load_weights",
    "save_weights",
    "training_flops",
    "whole_training_flops",
    "within",
]


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """What one model costs: ``flops`` of one sample's forward pass (2 × MAC); parameters counted once where tied."""

    parameters: int
    trainable: int
    parameter_bytes: int
    buffer_bytes: int
    flops: int


def describe(module: nn.Module, input_shape: tuple[int, ...]) -> ModelCost:
    """The cost of ``module`` on one input of this shape (C, H, W), in evaluation mode; the module is not touched."""
    twin = meta_copy(module)
    parameters = list(module.parameters())
    return ModelCost(
        parameters=sum(weight.numel() for weight in parameters),
        trainable=sum(weight.numel() for weight in parameters if weight.requires_grad),
        parameter_bytes=_bytes(parameters),
        buffer_bytes=_bytes(module.buffers()),
        flops=_counted(lambda: twin(meta_input(module, input_shape, 1))),
    )


def training_flops(module: nn.Module, objective: Objective, batch: Batch) -> int:
    """FLOPs (2 × MAC) of one sample in training: one forward and backward pass on ``batch``, divided by its length.

    Two samples are enough. Neither the module (batch-norm statistics, gradients) nor the batch is touched; the
    optimizer's own arithmetic, a few FLOPs a parameter and step, is not counted.
    """
    twin = meta_copy(module, training=True)
    shapes = Batch(inputs=batch.inputs.to("meta"), targets=batch.targets.to("meta"), index=batch.index)
    return _counted(lambda: objective(twin, shapes).total.backward()) // len(batch)


def whole_training_flops(
    module: nn.Module, objective: Objective, batch: Batch, shapes: Mapping[tuple[int, ...], int]
) -> tuple[int, int]:
    """FLOPs of a whole run, by PyTorch's counter and by our own, from the samples that it saw of each input shape.

    ``batch`` holds two samples or more; only its targets matter.
    """
    counted = analytic = 0
    for shape, samples in shapes.items():
        sized = replace(batch, inputs=meta_input(module, shape, len(batch)))
        if batch.targets.shape[1:] == batch.inputs.shape[-1:]:  # a target for each token or sample
            sized = replace(sized, targets=sized.inputs if sized.inputs.ndim == 2 else sized.inputs[:, 0])
        counted += samples * training_flops(module, objective, sized)
        pair = replace(sized, inputs=sized.inputs[:2], targets=sized.targets[:2].to("meta"), index=sized.index[:2])
        analytic += samples * analytic_flops(module, shape, training=True, forward=partial(objective, batch=pair))
    return counted, analytic


def save_weights(module: nn.Module, path: Path) -> None:
    """Writes every parameter and persistent buffer as safetensors, atomically; tied weights once, by their first name.

    Equal weights give equal bytes.
    """
    tensors = {names[0]: tensor.detach().cpu().contiguous() for tensor, names in _state(module)}
    write_atomically(path, lambda temporary: safetensors.torch.save_file(tensors, temporary, {"format": "pt"}))


def save_trained(module: nn.Module, path: Path) -> None:
    """As ``save_weights``, but only those parameters that need gradients: what an adaptation trained."""
    kept = {name for name, weight in module.named_parameters() if weight.requires_grad}
    tensors = {names[0]: tensor.detach().cpu().contiguous() for tensor, names in _state(module) if kept & {*names}}
    write_atomically(path, lambda temporary: safetensors.torch.save_file(tensors, temporary, {"format": "pt"}))


def load_trained(module: nn.Module, path: Path) -> None:
    """Fills the parameters that need gradients with what ``save_trained`` wrote; ArtifactError as ``load_weights``."""
    stored = _read(path)
    kept = {name for name, weight in module.named_parameters() if weight.requires_grad}
    wanted = {names[0]: tensor for tensor, names in _state(module) if kept & {*names}}
    _check(path, wanted, stored)
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(stored[name])


def load_weights(module: nn.Module, path: Path, *, leave: Sequence[str] = ()) -> None:
    """Fills ``module`` from what ``save_weights`` wrote, in place; wholly or, on any disagreement, not at all.

    ``leave`` names parts of the module that keep their own values, whatever the file has for them.

    Raises:
        ArtifactError: the file is missing or damaged, or its tensors are not those of the module: every missing,
            unexpected and mis-shaped (or mis-typed) one is named.
    """
    stored = _read(path)
    wanted = [(tensor, next((name for name in names if name in stored), names[0])) for tensor, names in _state(module)]
    stored = {name: tensor for name, tensor in stored.items() if not within(name, leave)}
    wanted = [(tensor, name) for tensor, name in wanted if not within(name, leave)]
    _check(path, {name: tensor for tensor, name in wanted}, stored)
    with torch.no_grad():
        for tensor, name in wanted:
            tensor.copy_(stored[name])


def within(name: str, parts: Sequence[str]) -> bool:
    """Whether a tensor or a layer of this name is one of ``parts`` of a module, or in one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _counted(run: Callable[[], object]) -> int:
    with FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution_backward: _conv_backward}
    ) as counter:
        run()
    return counter.get_total_flops()


def _conv_backward(
    grad: list[int], x: list[int], weight: list[int], *args: Any, out_shape: object = None, **kwargs: object
) -> int:
    """One forward pass's FLOPs for each gradient asked for. PyTorch's own formula (2.14) ignores groups.

    It counts the weight gradient of a depthwise convolution C times over.
    """
    transposed, output_mask = args[4], args[7]
    positions = x if transposed else grad
    forward = 2 * positions[0] * math.prod(positions[2:]) * math.prod(weight)
    return forward * (output_mask[0] + output_mask[1])


def _state(module: nn.Module) -> list[tuple[Tensor, list[str]]]:
    """Each tensor of the state with all of its names; tied weights have several."""
    names: dict[int, tuple[Tensor, list[str]]] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        names.setdefault(id(tensor), (tensor, []))[1].append(name)
    return list(names.values())


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} must exist and does not; run the stage that writes it again.") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise ArtifactError(f"{path} must be a whole safetensors file and is not ({error}).") from error


def _check(path: Path, wanted: dict[str, Tensor], stored: dict[str, Tensor]) -> None:
    shared = wanted.keys() & stored.keys()
    faults = {
        "missing": sorted(wanted.keys() - shared),
        "unexpected": sorted(stored.keys() - shared),
        "of another shape or type": [
            f"{name} ({_form(stored[name])} in the file, {_form(wanted[name])} in the model)"
            for name in sorted(shared)
            if _form(stored[name]) != _form(wanted[name])
        ],
    }
    if any(faults.values()):
        found = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults.items() if names)
        raise ArtifactError(
            f"{path} must hold exactly the model's tensors; {found}. Nothing was loaded. Build the model from the "
            "recipe that these weights were trained with."
        )


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape)) or 'scalar'}"
