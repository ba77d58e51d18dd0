"""Random changes of a batch of waveforms, N×T float32 with zeros behind each recording; for the whole batch at once.

All randomness comes from the draw. What lies behind a recording stays 0. (SpecAugment hides parts of a spectrogram and
is therefore a part of the models that make one.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from basestone.core.contracts import Draw, Transform
from basestone.core.registry import Fraction
from basestone.core.waves import held_samples, recorded

if TYPE_CHECKING:
    from torch import Tensor

TAPS = 16  # of the interpolating filter
Factor = Annotated[float, Interval(ge=0.5, le=2.0)]
Decibels = Annotated[float, Interval(ge=-20, le=80)]


def speed(*, slowest: Factor = 0.8, fastest: Factor = 1.25, probability: Fraction = 1.0) -> Transform:
    """Play each recording at a speed of its own, log-uniform from ``slowest`` to ``fastest`` (Ko et al. 2015).

    As a tape would: pitch and resonances move with the tempo. What becomes longer than ``max_seconds`` is cut.
    """

    def transform(waves: Tensor, draw: Draw) -> Tensor:
        import torch

        low, high = torch.tensor([slowest, fastest]).log()
        factors = (low + (high - low) * torch.rand(len(waves), generator=draw.generator)).exp()
        factors[torch.rand(len(waves), generator=draw.generator) >= probability] = 1.0
        return played(waves, factors)

    return transform


def add_noise(
    *, lowest_snr: Decibels = 5.0, highest_snr: Decibels = 30.0, steepest: Fraction = 1.0, probability: Fraction = 0.5
) -> Transform:
    """Add noise at a signal-to-noise ratio in dB that is uniform from ``lowest_snr`` to ``highest_snr``.

    Its spectrum falls with frequency f as f^−β in power, β uniform from 0 (white) to 2 × ``steepest`` (brown): 1 is
    pink.
    """

    def transform(waves: Tensor, draw: Draw) -> Tensor:
        import torch

        n, samples = waves.shape
        noise = coloured(
            torch.randn(n, samples, generator=draw.generator),
            2 * steepest * torch.rand(n, generator=draw.generator),
        )
        snr = lowest_snr + (highest_snr - lowest_snr) * torch.rand(n, generator=draw.generator)
        chosen = torch.rand(n, generator=draw.generator) < probability
        return torch.where(chosen[:, None], mixed(waves, noise, snr), waves)

    return transform


SPEECH_TRANSFORMS: dict[str, Callable[..., Transform]] = {"speed": speed, "add_noise": add_noise}


def mixed(waves: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """N×T recordings with N×T noise at N ratios in dB, by mean power over what each recording holds; 0 behind it."""
    inside = recorded(waves)
    noise = noise * inside
    powers = [part.square().sum(1) for part in (waves, noise)]
    gain = (powers[0] / (powers[1] * 10 ** (snr / 10)).clamp(min=1e-20)).sqrt()
    return waves + gain[:, None] * noise


def coloured(white: Tensor, slope: Tensor) -> Tensor:
    """N×T white noise to noise whose power falls as frequency to the −``slope`` (N)."""
    import torch

    spectrum = torch.fft.rfft(white)
    place = torch.arange(spectrum.shape[1]).clamp(min=1)
    return torch.fft.irfft(spectrum * place ** (-slope[:, None] / 2), n=white.shape[1])


def played(waves: Tensor, factors: Tensor) -> Tensor:
    """N×T recordings at N speeds, N×T′ with T′ as the slowest needs; band-limited interpolation by a windowed sinc.

    Where a recording becomes faster the filter narrows, so that nothing folds back (Smith 1984, resampling).
    """
    import torch

    n, samples = waves.shape
    out = int(torch.ceil(samples / factors.min()))
    at = torch.arange(out) * factors[:, None]  # N×T′, in samples of the recording
    near = at.floor().long()
    cutoff = (1 / factors).clamp(max=1.0)[:, None]
    reach = TAPS // 2
    total = torch.zeros(n, out)
    wide = torch.nn.functional.pad(waves, (reach, reach + 1))
    for tap in range(-reach + 1, reach + 1):
        place = near + tap
        away = at - place
        window = torch.cos(torch.pi * away / TAPS).square()
        weight = cutoff * torch.sinc(cutoff * away) * window
        total += weight * wide.gather(1, (place + reach).clamp(0, wide.shape[1] - 1))
    return total * (at <= held_samples(waves)[:, None] - 1)
