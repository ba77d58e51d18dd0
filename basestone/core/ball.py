"""All images that are near enough: the intersection of a norm's ball with the box 0–1. Torch-free when imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Norm = Literal["linf", "l2"]
SLACK = 1e-5  # of a norm, for rounding
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Ball:
    """N×C×H×W images within ``epsilon`` of their ``centre``, and within 0–1."""

    norm: Norm
    epsilon: float

    def size(self, change: Tensor) -> Tensor:
        """N norms."""
        flat = change.flatten(1)
        return flat.abs().amax(1) if self.norm == "linf" else flat.square().sum(1).sqrt()

    def holds(self, images: Tensor, centre: Tensor) -> Tensor:
        """Which of N images lie inside."""
        inside = ((images >= 0) & (images <= 1)).flatten(1).all(1)
        return inside & (self.size(images - centre) <= self.epsilon * (1 + SLACK) + SLACK / 100)

    def project(self, images: Tensor, centre: Tensor) -> Tensor:
        """Onto the ball, then onto the box: pulling a pixel into the box never takes it further from its centre."""
        if self.norm == "linf":
            return images.clamp(centre - self.epsilon, centre + self.epsilon).clamp(0, 1)
        change = images - centre
        shrink = (self.epsilon / self.size(change).clamp(min=TINY)).clamp(max=1)
        return (centre + change * over_images(shrink)).clamp(0, 1)

    def steepest(self, slope: Tensor) -> Tensor:
        """The change of norm 1 along which a function with this gradient rises most."""
        if self.norm == "linf":
            return slope.sign()
        return slope / over_images(self.size(slope).clamp(min=TINY))


def over_images(values: Tensor) -> Tensor:
    """N numbers as N×1×1×1."""
    return values[:, None, None, None]
