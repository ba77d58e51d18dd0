"""Training for the worst group: group distributionally robust optimisation. Torch-free when imported.

Sagawa et al. 2020, ICLR, arXiv:1911.08731, algorithm 1: a weight for each group, raised by exponentiated gradient where
its loss is high, and the loss of a batch is the groups' losses under these weights.

Differs: a group's loss enters by the group's share of the training data, not of the batch: every sample weighs its
group's weight by that share. In expectation that is the same, and the losses of micro-batches still add up. Weights
move once a step, after the optimizer, by the mean losses of the groups that the step saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from basestone.core.contracts import Loss
from basestone.core.registry import NonNegativeFloat, OpenFraction, PositiveFloat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from basestone.core.batch import Batch


def group_dro(
    *,
    rate: PositiveFloat = 0.01,
    adjustment: NonNegativeFloat = 0.0,
    label_smoothing: OpenFraction = 0.0,
) -> GroupDRO:
    """Cross-entropy of the worst group; groups are every combination of data.groups and class.

    ``rate``: how fast weights move (η_q). ``adjustment`` C adds C/√n to the loss of a group of n samples, as small
    groups generalise worse (section 3.3).
    """
    return GroupDRO(rate, adjustment, label_smoothing)


def sample_losses(model: nn.Module, batch: Batch, label_smoothing: float) -> Tensor:
    """The cross-entropy of each of N samples, in nats."""
    from torch.nn import functional

    logits = model(batch.inputs).float()
    return functional.cross_entropy(logits, batch.targets, reduction="none", label_smoothing=label_smoothing)


class GroupDRO:
    """An objective (``core.contracts.Objective``) whose ``hook`` has its part in every step."""

    def __init__(self, rate: float, adjustment: float, label_smoothing: float) -> None:
        """Before the first batch of training it must be told the groups: ``begin``."""
        self._rate, self._adjustment, self._smoothing = rate, adjustment, label_smoothing
        self.hook: Weights | None = None

    def begin(self, groups: NDArray[np.int64]) -> None:
        """``groups``: the group of every training sample, from 0."""
        self.hook = Weights(groups, self._rate, self._adjustment)

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Of a model in training the weighted loss; of one that is evaluated, on other samples, the plain one."""
        losses = sample_losses(model, batch, self._smoothing)
        if not model.training or losses.is_meta:  # operations are counted on tensors without values
            return Loss(total=losses.sum(), count=len(losses))
        if self.hook is None:
            raise ValueError("group_dro must be told the groups of the training samples before it trains.")
        weight = self.hook.seen(batch.index.cpu(), losses.detach().double().cpu())
        return Loss(total=(losses * weight.to(losses)).sum(), count=len(losses))


class Weights:
    """The groups' weights, which add up to 1 (``core.contracts.StepHook``). G groups."""

    def __init__(self, groups: NDArray[np.int64], rate: float, adjustment: float) -> None:
        """Equal at first. ``groups``: the group of every training sample."""
        import torch

        self._group, self._rate = torch.as_tensor(groups), rate
        self._size = torch.bincount(self._group).double()
        self._penalty = adjustment / self._size.sqrt()
        self.weights = torch.full_like(self._size, 1 / len(self._size))
        self._forget()

    def seen(self, index: Tensor, losses: Tensor) -> Tensor:
        """Takes note of some samples' losses; what each of them weighs, 1 on average over the training data."""
        group = self._group[index]
        self._loss.index_add_(0, group, losses)
        self._count += group.bincount(minlength=len(self._count))
        return self.weights[group] * self._size.sum() / self._size[group]

    def __call__(self, step: int) -> None:
        """Raises the weights of the groups whose loss was high in this step."""
        known = self._count > 0
        mean = known * (self._loss / self._count.clamp(min=1) + self._penalty)
        raised = self.weights * (self._rate * mean).exp()
        self.weights = raised / raised.sum()
        self._forget()

    def tensors(self) -> Mapping[str, Tensor]:
        """G weights, for a checkpoint."""
        return {"group_weights": self.weights}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from those weights."""
        self.weights = tensors["group_weights"]
        self._forget()

    def _forget(self) -> None:
        """Nothing has been seen of the next step yet."""
        self._loss, self._count = self._size.new_zeros(len(self._size)), self._size.new_zeros(len(self._size))
