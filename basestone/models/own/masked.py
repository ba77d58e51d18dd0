"""Layers over places of which some are only padding: what a place holds never depends on how far its batch was padded.

N samples, C channels, L places; a mask is N×L, 1 inside a sample and 0 behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class MaskedNorm(nn.BatchNorm1d):
    """Batch norm of N×C×L whose statistics are of the places inside alone; 0 behind."""

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask``: N×L."""
        if mask is None or input.is_meta:
            return super().forward(input)
        inside, places = mask > 0, input.transpose(1, 2)
        out = torch.zeros_like(places)
        out[inside] = super().forward(places[inside])
        return out.transpose(1, 2)


class MaskedConv(nn.Module):
    """A convolution over places, batch norm, an activation and dropout; N×C×L to N×D×L, 0 behind each sample."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, drop_rate: float, activation: type[nn.Module] = nn.ReLU
    ) -> None:
        """``kernel``: places that an output sees, odd; ``activation``: ``nn.Identity`` for none."""
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm, self.activation, self.drop_rate = MaskedNorm(outputs), activation(), drop_rate

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` is 0 behind each sample."""
        found = self.activation(self.norm(self.conv(x), mask)) * mask[:, None]
        return functional.dropout(found, self.drop_rate, self.training)


class BothWays(nn.Module):
    """A recurrent layer from front to back and one from each sample's own end to its front; states side by side."""

    def __init__(self, cell: type[nn.GRU] | type[nn.LSTM], inputs: int, width: int) -> None:
        """``width``: of each direction."""
        super().__init__()
        self.forwards = cell(inputs, width, batch_first=True)
        self.backwards = cell(inputs, width, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """N×L×C and N×L to N×L×2·width."""
        back = turned(self.backwards(turned(x, mask))[0], mask)
        return torch.cat([self.forwards(x)[0], back], 2) * mask[:, :, None]


def turned(x: Tensor, mask: Tensor) -> Tensor:
    """N×F×C with each recording's frames back to front; what is behind it stays."""
    frames = mask.sum(1, keepdim=True).long()
    place = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    order = torch.where(place < frames, frames - 1 - place, place)
    return x.gather(1, order[:, :, None].expand_as(x))


def inside(lengths: Tensor, places: int) -> Tensor:
    """N×places float32: 1 for as many as each of ``lengths`` (N) says."""
    return (torch.arange(places, device=lengths.device) < lengths[:, None]).float()
