"""What a sample of sound may be, out of 256 classes: by a softmax, or by a mixture of logistics.

Both say how many nats the class that came costs, and draw one. N recordings, T samples, O outputs of each, K logistics.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.mu_law import CLASSES

Output = Literal["softmax", "logistics"]
HALF = 1 / (CLASSES - 1)  # half the width of a class, as classes lie evenly in −1 … 1
WIDTHS = (-7.0, 7.0)  # log of the narrowest logistic (Salimans et al. 2017) and of the widest


class Softmax:
    """A logit for each class."""

    outputs = CLASSES

    def nats(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """N×T×O and N×T classes to N×T nats."""
        return F.cross_entropy(outputs.float().flatten(0, 1), classes.flatten(), reduction="none").view_as(classes)

    def draw(self, outputs: NDArray[np.float32], luck: NDArray[np.float64], temperature: float) -> NDArray[np.int64]:
        """N×O and N×2 uniform numbers to N classes, by the inverse of the distribution function."""
        return _chosen(outputs, luck[:, :1], temperature)


class Logistics:
    """K logistic distributions over −1 … 1, where the classes lie evenly; a class holds what falls into its cell.

    The outermost cells reach to infinity (Salimans et al. 2017, PixelCNN++, arXiv:1701.05517, equation 2). Outputs:
    K log-weights, K centres, K log-widths. Between edges l < u, σ(u) − σ(l) = σ(u) σ(−l) (1 − e^(l − u)) loses nothing
    far from the centre, so that no case needs the density in its place (Differs).
    """

    def __init__(self, mixtures: int) -> None:
        """K."""
        self.mixtures, self.outputs = mixtures, 3 * mixtures

    def nats(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """N×T×O and N×T classes to N×T nats."""
        weights, centres, widths = outputs.float().chunk(3, dim=-1)
        away = (classes.float() * 2 * HALF - 1)[..., None] - centres
        inverse = torch.exp(-widths.clamp(*WIDTHS))
        below_upper, above_lower = F.logsigmoid(inverse * (away + HALF)), F.logsigmoid(-inverse * (away - HALF))
        between = below_upper + above_lower + torch.log(-torch.expm1(-2 * HALF * inverse))
        log_odds = torch.where(classes[..., None] == 0, below_upper, between)
        log_odds = torch.where(classes[..., None] == CLASSES - 1, above_lower, log_odds)
        return -torch.logsumexp(log_odds + weights.log_softmax(-1), dim=-1)

    def draw(self, outputs: NDArray[np.float32], luck: NDArray[np.float64], temperature: float) -> NDArray[np.int64]:
        """N×O and N×2 uniform numbers to N classes: one of the logistics, then a place in it."""
        weights, centres, widths = np.split(outputs.astype(np.float64), 3, axis=1)
        chosen = _chosen(weights, luck[:, :1], temperature)[:, None]
        centre = np.take_along_axis(centres, chosen, 1)[:, 0]
        width = temperature * np.exp(np.take_along_axis(widths, chosen, 1)[:, 0].clip(*WIDTHS))
        sure = np.clip(luck[:, 1], 1e-5, 1 - 1e-5)
        place = centre + width * (np.log(sure) - np.log1p(-sure))
        return np.clip(np.floor((place + 1) / (2 * HALF) + 0.5), 0, CLASSES - 1).astype(np.int64)


def odds_of(output: Output, mixtures: int) -> Softmax | Logistics:
    """The distribution that a recipe names."""
    return Softmax() if output == "softmax" else Logistics(mixtures)


def _chosen(
    logits: NDArray[np.float32] | NDArray[np.float64], luck: NDArray[np.float64], temperature: float
) -> NDArray[np.int64]:
    """N×K logits and N×1 uniform numbers to N places, by the inverse of the softmax's distribution function."""
    powers = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64) / temperature)
    odds = powers.cumsum(1)
    return np.minimum((odds < luck * odds[:, -1:]).sum(1), odds.shape[1] - 1)
