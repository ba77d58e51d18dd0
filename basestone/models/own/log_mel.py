"""Log-mel spectrograms on tensors, and which parts of a batch of waveforms hold a recording.

N recordings, T samples padded behind with zeros, M mel bands, F frames. The filters are Slaney's (Auditory Toolbox
1998: linear below 1 kHz, logarithmic above, each triangle of area one), as librosa's are by default; a test compares
numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.core.waves import held_samples

LINEAR_HZ = 200 / 3  # of one mel below ``BREAK_HZ``
BREAK_HZ = 1_000.0
LOG_STEP = math.log(6.4) / 27  # of one mel above it


def held_places(waves: Tensor, places: int) -> Tensor:
    """N×places booleans: which of as many even parts of N×T recordings begin before the recording ends."""
    begins = torch.arange(places, device=waves.device) * (waves.shape[1] / places)
    return begins < held_samples(waves)[:, None]


def levelled(waves: Tensor, held: Tensor) -> Tensor:
    """Every recording at a mean power of 1, so that loudness cannot matter. ``held``: N, its samples."""
    power = waves.square().sum(1) / held
    return waves / power.clamp(min=1e-12).sqrt()[:, None]


class LogMel(nn.Module):
    """N×T to N×M×F: log(max(mel power, ``floor``)) of Hann windows around every ``hop``-th sample; F = 1 + T // hop.

    Zeros stand before and behind the recording, so that padding it further changes no frame that it has. Computed in
    float32 whatever the arithmetic around it, as its numbers span many orders of magnitude.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, sample_rate: int, mels: int, window_s: float, hop_s: float, floor: float) -> None:
        """``window_s`` and ``hop_s`` in seconds; the transform is as long as the next power of two."""
        super().__init__()
        self.width, self.hop, self.floor = round(window_s * sample_rate), round(hop_s * sample_rate), floor
        self.size = 2 ** math.ceil(math.log2(self.width))
        filters = torch.from_numpy(mel_filters(sample_rate, self.size, mels)).float()
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(self.width), persistent=False)

    def frames(self, samples: Tensor) -> Tensor:
        """How many frames a recording of so many samples has."""
        return 1 + samples // self.hop

    def forward(self, waves: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast("cpu" if waves.is_meta else waves.device.type, enabled=False):
            spectrum = torch.stft(
                waves.float(), self.size, self.hop, self.width, self.window,
                center=True, pad_mode="constant", return_complex=True,
            )  # fmt: skip
            power = spectrum.real.square() + spectrum.imag.square()
            return (self.filters @ power).clamp(min=self.floor).log()


def mel_filters(sample_rate: int, size: int, mels: int) -> NDArray[np.float64]:
    """M×(size / 2 + 1) triangles between 0 and half the rate, evenly spaced in mels, each of area one over Hz."""
    hz = np.linspace(0, sample_rate / 2, size // 2 + 1)
    corners = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(sample_rate / 2))), mels + 2))
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (hz - left) / (centre - left), (right - hz) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale."""
    above = BREAK_HZ / LINEAR_HZ + np.log(np.maximum(hz, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.where(hz < BREAK_HZ, hz / LINEAR_HZ, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of ``hz_to_mel``."""
    edge = BREAK_HZ / LINEAR_HZ
    return np.where(mel < edge, mel * LINEAR_HZ, BREAK_HZ * np.exp(LOG_STEP * (np.maximum(mel, edge) - edge)))
