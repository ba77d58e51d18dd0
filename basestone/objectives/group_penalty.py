"""Training for equal losses: cross-entropy and a penalty on how far the groups' losses lie apart. Torch-free to import.

Krueger et al. 2021, ICML, arXiv:2003.00688, equation 8 (V-REx): the mean loss, plus β times the variance of the
groups' mean losses. Here the groups are every combination of data.groups and class, and the variance is taken over
those that a micro-batch holds: small micro-batches see little of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.contracts import Loss
from basestone.core.registry import OpenFraction, PositiveFloat
from basestone.objectives.group_dro import sample_losses

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from basestone.core.batch import Batch


def group_penalty(*, weight: PositiveFloat = 1.0, label_smoothing: OpenFraction = 0.0) -> GroupPenalty:
    """Cross-entropy and ``weight`` times the variance of the groups' mean losses (nats²)."""
    return GroupPenalty(weight, label_smoothing)


class GroupPenalty:
    """An objective (``core.contracts.Objective``)."""

    def __init__(self, weight: float, label_smoothing: float) -> None:
        """Before the first batch of training it must be told the groups: ``begin``."""
        self._weight, self._smoothing = weight, label_smoothing
        self._group: Tensor | None = None

    def begin(self, groups: NDArray[np.int64]) -> None:
        """``groups``: the group of every training sample, from 0."""
        import torch

        self._group = torch.as_tensor(groups)

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Of a model in training with the penalty; of one that is evaluated, on other samples, without."""
        losses = sample_losses(model, batch, self._smoothing)
        if not model.training or losses.is_meta:  # operations are counted on tensors without values
            return Loss(total=losses.sum(), count=len(losses))
        if self._group is None:
            raise ValueError("group_penalty must be told the groups of the training samples before it trains.")
        apart = _variance(losses, self._group[batch.index.cpu()].to(losses.device))
        return Loss(total=losses.sum() + len(losses) * self._weight * apart, count=len(losses))


def _variance(losses: Tensor, group: Tensor) -> Tensor:
    """Of the mean losses of the groups that are there, each group counting alike."""
    number = group.bincount()
    means = losses.new_zeros(len(number)).index_add(0, group, losses) / number.clamp(min=1)
    return means[number > 0].var(correction=0)
