"""From a mel spectrogram back to sound, without anything learnt: a phase that fits the magnitudes, found by iteration.

N recordings, M mel bands, B = size / 2 + 1 frequencies, F frames, T = (F − 1) · hop samples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basestone.models.own.log_mel import LogMel

SEED = 0  # of the phases that the iteration starts from
LEAST = 1e-10


class GriffinLim(nn.Module):
    """N×M×F log-mel spectrograms of ``front`` to N×T waveforms, by the momentum of Perraudin et al. 2013.

    Fast Griffin–Lim (WASPAA 2013, algorithm 1): the projection of Griffin & Lim (1984) onto the spectrograms that some
    signal has, and from its last two results a step further; ``momentum`` 0 is Griffin & Lim's own. Powers of the
    frequencies are those whose mel powers fit best, none below 0.
    """

    def __init__(self, front: LogMel, rounds: int, momentum: float, fits: int) -> None:
        """``rounds``: of the phase; ``fits``: of the powers."""
        super().__init__()
        self.front, self.rounds, self.momentum, self.fits = front, rounds, momentum, fits

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """See the class."""
        power = linear_power(log_mel.exp(), self.front.filters, self.fits)
        return fast_griffin_lim(power.sqrt(), self.front, self.rounds, self.momentum)


def linear_power(mel: Tensor, filters: Tensor, rounds: int) -> Tensor:
    """N×B×F powers ≥ 0 whose N×M×F mel powers by ``filters`` (M×B) come closest in the least squares.

    Multiplicative updates (Lee & Seung 2001, theorem 1) never raise the error and never leave the positive numbers;
    they start from each band spread evenly over its own frequencies.
    """
    spread = filters.T / filters.square().sum(1)
    found = (spread @ mel).clamp(min=LEAST)
    wanted = filters.T @ mel
    for _ in range(rounds):
        found = found * wanted / (filters.T @ (filters @ found)).clamp(min=LEAST)
    return found


def fast_griffin_lim(magnitude: Tensor, front: LogMel, rounds: int, momentum: float) -> Tensor:
    """N×B×F magnitudes to N×T; every recording starts from the same phases, so that none depends on its batch."""
    n, bins, frames = magnitude.shape
    if magnitude.is_meta or frames < 2:
        return magnitude.new_zeros(n, (frames - 1) * front.hop)
    generator = torch.Generator().manual_seed(SEED)
    phase = 2 * torch.pi * torch.rand(bins, frames, generator=generator).to(magnitude.device)
    spectrum, last = magnitude * torch.polar(torch.ones_like(phase), phase), torch.zeros((), device=magnitude.device)
    for _ in range(rounds):
        consistent = _analysed(_sounded(spectrum, front), front, frames)
        further = consistent + momentum * (consistent - last)
        spectrum, last = magnitude * further / further.abs().clamp(min=LEAST), consistent
    return _sounded(spectrum, front)


def _sounded(spectrum: Tensor, front: LogMel) -> Tensor:
    return torch.istft(spectrum, front.size, front.hop, front.width, front.window, center=True)


def _analysed(waves: Tensor, front: LogMel, frames: int) -> Tensor:
    found = torch.stft(
        waves, front.size, front.hop, front.width, front.window,
        center=True, pad_mode="constant", return_complex=True,
    )  # fmt: skip
    return found[..., :frames]
