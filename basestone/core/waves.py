"""Recordings in a batch: where each one ends, and one as a row of an image, so that what moves pixels moves samples.

Samples of −1 to 1 become pixels of 0 to 1, and a radius half as large. What lies behind a recording, zeros that only
fill its batch, is none of it: whatever is written there, a model is given zeros. Torch-free when imported.
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
    """N×1×1×T to N×T, zero where ``inside`` (N×T, see ``recorded``) is false."""
    return (pixels[:, 0, 0] * SPAN - 1).masked_fill(~inside, 0.0)


def held_samples(waves: Tensor) -> Tensor:
    """N int64: samples up to the last one that is not 0, at least 1; all of them where there are only shapes."""
    import torch

    samples = waves.shape[1]
    if waves.is_meta:
        return torch.full((len(waves),), samples, device="meta")
    place = torch.arange(1, samples + 1, device=waves.device)
    return ((waves != 0) * place).amax(1).clamp(min=1)


def recorded(waves: Tensor) -> Tensor:
    """N×T booleans: up to each recording's last sample that is not 0; silence holds its first."""
    import torch

    return torch.arange(waves.shape[1], device=waves.device) < held_samples(waves)[:, None]
