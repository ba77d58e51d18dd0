"""A network of our own that hears: log-mel, convolutions over time and frequency, a recurrent layer, and a head.

Small enough to train on a laptop in minutes. N recordings of T samples, M mel bands, F frames, C channels, K answers.
What lies behind a recording is masked in every layer, so that no answer depends on how far its batch was padded.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basestone.core.waves import held_samples
from basestone.models.own.log_mel import LogMel, levelled
from basestone.models.own.masked import BothWays

CERTAIN = 1e4  # a logit beside which no other counts


class SpeechNet(nn.Module):
    """N×T float32 waveforms to N×K logits of classes, or N×F′×K of characters (a frame each 20 ms)."""

    def __init__(
        self,
        front: LogMel,
        mels: int,
        widths: list[int],
        width: int,
        cell: Literal["none", "gru"],
        num_outputs: int,
        head: Literal["classes", "characters"],
        drop_rate: float,
        masked_mels: int,
        masked_frames: int,
    ) -> None:
        """``widths``: channels of each stage; ``width``: of what comes behind them."""
        super().__init__()
        self.front, self.hide = front, SpecAugment(masked_mels, masked_frames)
        inputs = [1, *widths[:-1]]
        self.stages = nn.ModuleList(
            [Stage(a, b, 2 if place == 0 else 1) for place, (a, b) in enumerate(zip(inputs, widths, strict=True))]
        )
        bands = mels
        for _ in widths:
            bands = (bands + 1) // 2
        self.mix = nn.Conv1d(widths[-1] * bands, width, 1, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.recurrent = BothWays(nn.GRU, width, width // 2) if cell == "gru" else None
        self.dropout, self.answers = nn.Dropout(drop_rate), head
        self.head = nn.Linear(width, num_outputs)

    def forward(self, waves: Tensor) -> Tensor:
        """See the class."""
        held = held_samples(waves)
        mel = self.front(levelled(waves, held))
        frames = self.front.frames(held)
        mask = (torch.arange(mel.shape[2], device=mel.device) < frames[:, None]).to(mel.dtype)
        hidden = self.hide(centred(mel, mask), frames)[:, None]
        for stage in self.stages:
            hidden, mask = stage(hidden, mask)
        hidden = F.relu(self.norm(self.mix(hidden.flatten(1, 2)))) * mask[:, None]
        if self.recurrent is not None:
            hidden = self.recurrent(hidden.transpose(1, 2), mask).transpose(1, 2)
        if self.answers == "classes":
            return self.head(self.dropout(hidden.sum(2) / mask.sum(1, keepdim=True)))
        return silenced(self.head(self.dropout(hidden.transpose(1, 2))), mask)


class SpecAugment(nn.Module):
    """In training, one band of mels and one stretch of frames of each recording are set to their mean, 0.

    Park et al. 2019, arXiv:1904.08779, section 2, with one mask of each kind; widths are uniform from 0 to the given
    ones, and at most half of a recording's frames are hidden.
    """

    def __init__(self, mels: int, frames: int) -> None:
        """The widest masks; 0 hides nothing."""
        super().__init__()
        self.mels, self.frames = mels, frames

    def forward(self, mel: Tensor, frames: Tensor) -> Tensor:
        """N×M×F; ``frames``: N, those that each recording has."""
        if not self.training or not (self.mels or self.frames):
            return mel
        n, bands, length = mel.shape
        hidden = self._band(n, bands, torch.full((n,), self.mels), mel.device, torch.full((n,), bands))[:, :, None]
        widest = torch.minimum(torch.full_like(frames, self.frames), frames // 2)
        hidden = hidden | self._band(n, length, widest, mel.device, frames)[:, None, :]
        return mel.masked_fill(hidden, 0.0)

    def _band(self, n: int, length: int, widest: Tensor, device: torch.device, inside: Tensor) -> Tensor:
        """N×length booleans: neighbours, up to ``widest`` of them, that begin anywhere in ``inside``."""
        width = (torch.rand(n, device=device) * (widest.to(device) + 1)).floor()
        start = (torch.rand(n, device=device) * (inside.to(device) - width + 1)).floor()
        place = torch.arange(length, device=device)
        return (place >= start[:, None]) & (place < (start + width)[:, None])


class Stage(nn.Module):
    """Halves the bands (and with ``stride`` the frames), then one residual block; batch norm and ReLU throughout."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        """``stride``: over frames."""
        super().__init__()
        self.stride = stride
        self.down = nn.Conv2d(inputs, width, 3, stride=(2, stride), padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """N×C×M×F and N×F to the same, smaller."""
        mask = mask[:, :: self.stride]
        inside = mask[:, None, None, :]
        x = F.relu(self.norm(self.down(x))) * inside
        branch = F.relu(self.norm1(self.conv1(x))) * inside
        return F.relu(x + self.norm2(self.conv2(branch))) * inside, mask


def centred(mel: Tensor, mask: Tensor) -> Tensor:
    """N×M×F minus each recording's own mean; 0 behind it, so that padding looks like the mean."""
    inside = mask[:, None]
    mean = (mel * inside).sum((1, 2), keepdim=True) / (inside.sum((1, 2), keepdim=True) * mel.shape[1])
    return (mel - mean) * inside


def silenced(logits: Tensor, mask: Tensor) -> Tensor:
    """N×F×K where frames behind a recording answer blank (0) for certain, so that they add nothing to a CTC loss."""
    blank = torch.full_like(logits[:1, :1], -CERTAIN)
    blank[..., 0] = 0.0
    return torch.where(mask[:, :, None] > 0, logits, blank)
