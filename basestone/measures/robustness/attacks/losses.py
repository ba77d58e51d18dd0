"""What attacks climb: functions of N×K logits that rise as an image nears another answer.

DLR, the difference of logits ratio, does not change when all logits are multiplied or shifted, so that a model cannot
hide its slope by being loud (Croce & Hein 2020, ICML, arXiv:2003.01690, section 4).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from basestone.core.ball import TINY


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The true class's logit over the best other one: below zero an answer is wrong."""
    true = logits.gather(1, labels[:, None]).squeeze(1)
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return true - others.amax(1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Nats of the true class."""
    return functional.cross_entropy(logits, labels, reduction="none")


def targeted_dlr(logits: Tensor, labels: Tensor, aims: Tensor) -> Tensor:
    """(z_aim − z_true) / (z_(1) − (z_(3) + z_(4)) / 2), sorted from the largest (equation 7).

    Differs: of three classes z_(4) is z_(3), and of two the denominator is 1, where the paper needs four.
    """
    rise = (logits.gather(1, aims[:, None]) - logits.gather(1, labels[:, None])).squeeze(1)
    if logits.shape[1] < 3:
        return rise
    ranked = logits.topk(min(4, logits.shape[1]), dim=1).values
    return rise / (ranked[:, 0] - (ranked[:, 2] + ranked[:, -1]) / 2 + TINY)


def lead(logits: Tensor, labels: Tensor, aims: Tensor) -> Tensor:
    """z_aim − z_true: zero on the boundary between the two."""
    return (logits.gather(1, aims[:, None]) - logits.gather(1, labels[:, None])).squeeze(1)
