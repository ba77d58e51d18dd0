"""A recording as one row of an image, so that what moves pixels within a ball moves samples. Torch-free when imported.

Samples of −1 to 1 become pixels of 0 to 1, and a radius half as large. What lies behind a recording, zeros that only
fill its batch, is none of it: whatever is written there, a model is given zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SPAN = 2.0  # from the least sample to the largest


def to_pixels(waves: Tensor) -> Tensor:
    """N×T samples to N×1×1×T; nothing is rounded away of samples with 16 bits."""
    return ((waves + 1) / SPAN).clamp(0, 1)[:, None, None]


def to_waves(pixels: Tensor, inside: Tensor) -> Tensor:
    """N×1×1×T to N×T, zero where ``inside`` (N×T) is false."""
    return (pixels[:, 0, 0] * SPAN - 1).masked_fill(~inside, 0.0)


def inside(waves: Tensor) -> Tensor:
    """N×T: what is not behind the last sample of a recording that is not zero."""
    return (waves != 0).flip(1).cummax(1).values.flip(1)
