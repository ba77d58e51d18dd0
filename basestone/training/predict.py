"""The one inference loop: eval mode, no gradients, fixed order, and the model left in the mode it was found in.

``outputs`` hands on what the model answers, batch by batch; ``predict`` keeps it; ``evaluate`` keeps the objective's
own loss and the accuracy, from a single pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource, Objective
from basestone.training.precision import Precision, autocast

Progress = Callable[[int, int], object]
Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """One row per sample, in the order asked for: ``logits`` float32 N×K, ``index`` int64 N.

    ``targets``: as the source has them, class positions or N×1 quantities.
    """

    logits: NDArray[np.float32]
    targets: NDArray[Any]
    index: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``loss``: the objective's mean per counted sample. ``accuracy``: 0–1, None where it has no meaning."""

    loss: float
    accuracy: float | None


def outputs(
    model: nn.Module,
    source: BatchSource,
    batches: Sequence[Positions],
    *,
    precision: Precision = "fp32",
    channels_last: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[Tensor, Batch]]:
    """What the model answers, float32 on the CPU, with the batch that it answers; one for each of ``batches``.

    ``batches`` are positions in any order and of any number; nothing is augmented. ``progress`` is called with (done,
    total) samples after each batch.
    """
    with evaluating(model):
        for batch in _batches(model, source, batches, channels_last, progress):
            with torch.no_grad(), autocast(precision, batch.inputs.device):
                output: Tensor = model(batch.inputs)
            yield output.float().cpu(), batch


def predict(
    model: nn.Module,
    source: BatchSource,
    *,
    batch_size: int,
    precision: Precision = "fp32",
    channels_last: bool = False,
    positions: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """The model's logits on ``positions`` (all samples when None), without augmentation.

    ``progress`` is called with (done, total) after each batch.
    """
    chosen = np.arange(len(source)) if positions is None else positions
    plan = in_order(chosen, batch_size)
    logits, targets, index = [], [], []
    for output, batch in outputs(
        model, source, plan, precision=precision, channels_last=channels_last, progress=progress
    ):
        logits.append(output)
        targets.append(batch.targets.cpu())
        index.append(batch.index.cpu())
    if not logits:
        raise ValueError("predict needs at least one position; got none. Pass positions=None for the whole source.")
    return Predictions(
        logits=torch.cat(logits).numpy(), targets=torch.cat(targets).numpy(), index=torch.cat(index).numpy()
    )


def evaluate(
    model: nn.Module,
    source: BatchSource,
    objective: Objective,
    *,
    batch_size: int,
    precision: Precision = "fp32",
    channels_last: bool = False,
) -> Evaluation:
    """The objective's loss on every sample of ``source``; accuracy where the model yields N×K scores for N classes."""
    total, count, correct, judged = 0.0, 0, 0, 0
    with evaluating(model), torch.no_grad(), _answers(model) as answers:
        for batch in _batches(model, source, in_order(np.arange(len(source)), batch_size), channels_last, None):
            with autocast(precision, batch.inputs.device):
                loss = objective(model, batch)
            total, count = total + loss.total.item(), count + loss.count
            scores = answers.pop()
            answers.clear()
            if (
                isinstance(scores, Tensor)
                and scores.ndim == 2
                and batch.targets.ndim == 1
                and not batch.targets.is_floating_point()
            ):
                correct += int((scores.argmax(1) == batch.targets).sum())
                judged += len(batch)
    return Evaluation(loss=total / count, accuracy=correct / judged if judged else None)


def in_order(positions: Positions, batch_size: int) -> list[Positions]:
    """Batches of at most ``batch_size`` positions as they come."""
    return [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every submodule is again in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def to_device(batch: Batch, device: torch.device, channels_last: bool = False) -> Batch:
    """The batch where the model is; images (four axes) in the memory format asked for."""
    layout = torch.channels_last if channels_last and batch.inputs.ndim == 4 else torch.preserve_format
    inputs = batch.inputs.to(device, memory_format=layout)
    return replace(batch, inputs=inputs, targets=batch.targets.to(device), index=batch.index.to(device))


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's first parameter; the CPU for a model without any."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _batches(
    model: nn.Module,
    source: BatchSource,
    batches: Sequence[Positions],
    channels_last: bool,
    progress: Progress | None,
) -> Iterator[Batch]:
    device, done, total = device_of(model), 0, sum(map(len, batches))
    for positions in batches:
        yield to_device(source.batch(positions), device, channels_last)
        done += len(positions)
        if progress is not None:
            progress(done, total)


@contextmanager
def _answers(model: nn.Module) -> Iterator[list[object]]:
    """Collects what the model returns (scores, or a detector's own loss), as an objective hands back only its loss."""
    answers: list[object] = []

    def keep(_model: nn.Module, _inputs: object, output: object) -> None:
        answers.append(output)

    handle = model.register_forward_hook(keep)
    try:
        yield answers
    finally:
        handle.remove()
