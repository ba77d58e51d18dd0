"""Losses that compare a model's outputs with given targets. Torch-free when imported: ``check`` reads the table.

``Loss.total`` is always the sum over the batch's samples: the totals of micro-batches add up to the total of their
union, so that accumulated gradients equal the full batch's, whatever the sizes of the micro-batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.contracts import Loss, Objective
from basestone.core.registry import OpenFraction

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch


def cross_entropy(*, label_smoothing: OpenFraction = 0.0) -> Objective:
    """Cross-entropy in nats of the softmax of N×K logits, for class numbers (int64, N) or class probabilities (N×K).

    ``label_smoothing`` ε trains towards (1 − ε) · target + ε / K (arXiv:1512.00567, section 7). Computed in float32.
    """

    def loss(model: nn.Module, batch: Batch) -> Loss:
        from torch.nn import functional

        logits = model(batch.inputs)
        _check(logits, batch.targets)
        total = functional.cross_entropy(
            logits.float(), batch.targets, reduction="sum", label_smoothing=label_smoothing
        )
        return Loss(total=total, count=len(logits))

    return loss


def mse() -> Objective:
    """Mean squared error of the raw outputs: over the K outputs the mean, over the samples the sum.

    Class numbers (int64, N) are compared as one-hot vectors, the classical least-squares classifier (Bishop 2006,
    section 4.1.3); float targets must have the outputs' shape (N×K). Computed in float32.
    """

    def loss(model: nn.Module, batch: Batch) -> Loss:
        outputs = model(batch.inputs)
        _check(outputs, batch.targets)
        error = outputs.float() - _as_vectors(batch.targets, outputs.shape[1])
        return Loss(total=error.square().mean(dim=1).sum(), count=len(outputs))

    return loss


def _as_vectors(targets: Tensor, num_outputs: int) -> Tensor:
    from torch.nn import functional

    vectors = targets if targets.is_floating_point() else functional.one_hot(targets, num_outputs)
    return vectors.float()


def _check(outputs: Tensor, targets: Tensor) -> None:
    """Shapes that do not match would broadcast without a word and train towards nonsense."""
    fitting = tuple(outputs.shape) if targets.is_floating_point() else tuple(outputs.shape[:1])
    if outputs.ndim != 2 or tuple(targets.shape) != fitting:
        raise ValueError(
            f"The model's outputs must be N×K with N class numbers (int64) or N×K float targets; got outputs "
            f"{tuple(outputs.shape)} and {targets.dtype} targets {tuple(targets.shape)}."
        )
