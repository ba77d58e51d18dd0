"""Common corruptions of recordings: noise, channel, level and time, each at five severities.

What a telephone, a room or a hurry does. Noise is measured by its signal-to-noise ratio over the recording;
speech-shaped noise falls with frequency as speech does and swells about four times a second, as a crowd's does. What
happens to a recording depends on the seed, on its position and on the kind alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basestone.core.seed import numpy_generator

SNR_DB = (20.0, 15.0, 10.0, 5.0, 0.0)
LEVELS: dict[str, tuple[float, ...]] = {
    "white_noise": SNR_DB,
    "pink_noise": SNR_DB,
    "speech_shaped_noise": SNR_DB,
    "mains_hum": SNR_DB,
    "low_pass": (0.85, 0.7, 0.55, 0.45, 0.35),  # of half the sample rate
    "reverberation": (0.2, 0.4, 0.6, 0.9, 1.2),  # seconds until 60 dB are lost
    "coarse_samples": (8, 6, 5, 4, 3),  # bits
    "quiet": (12.0, 24.0, 36.0, 42.0, 48.0),  # dB below, kept in 16 bits
    "clipping": (0.5, 0.35, 0.25, 0.15, 0.1),  # of the peak
    "faster": (1.1, 1.2, 1.3, 1.4, 1.5),
    "slower": (0.9, 0.8, 0.7, 0.65, 0.6),
    "lost_packets": (0.05, 0.1, 0.15, 0.2, 0.3),  # share of pieces of 20 ms
}
PACKET_S = 0.02
ORDER = 6  # of the low-pass filter

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """What a corruption may depend on: samples a second, and the recording's own random numbers."""

    rate: int
    draws: np.random.Generator


def corrupt_sound(wave: Wave, position: int, rate: int, *, corruption: str, severity: int, seed: int) -> Wave:
    """The recording, changed; it may become longer or shorter. ValueError for a corruption that there is not."""
    if corruption not in CHANGES or not 1 <= severity <= len(SNR_DB):
        raise ValueError(f"must be one of {', '.join(CHANGES)} at severity 1 to 5; got {corruption!r} at {severity!r}.")
    scene = Scene(rate, numpy_generator(seed, "sound", corruption, severity, position))
    return CHANGES[corruption](wave, LEVELS[corruption][severity - 1], scene).astype(np.float32)


def at_ratio(wave: Wave, noise: NDArray[np.float64], snr_db: float) -> NDArray[np.float64]:
    """The recording plus noise at this ratio of their mean powers."""
    signal, disturbance = np.mean(np.square(wave, dtype=np.float64)), np.mean(noise**2)
    return wave + noise * np.sqrt(signal / max(disturbance, 1e-20) / 10 ** (snr_db / 10))


def falling(count: int, slope: float, draws: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with frequency to the −``slope``."""
    spectrum = np.fft.rfft(draws.standard_normal(count))
    return np.fft.irfft(spectrum * np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2), count)


def _white(wave: Wave, snr: float, scene: Scene) -> NDArray[np.float64]:
    return at_ratio(wave, scene.draws.standard_normal(len(wave)), snr)


def _pink(wave: Wave, snr: float, scene: Scene) -> NDArray[np.float64]:
    return at_ratio(wave, falling(len(wave), 1.0, scene.draws), snr)


def _crowd(wave: Wave, snr: float, scene: Scene) -> NDArray[np.float64]:
    at = np.arange(len(wave)) / scene.rate
    swells = [np.sin(2 * np.pi * (scene.draws.uniform(2, 6) * at + scene.draws.uniform())) for _ in range(3)]
    return at_ratio(wave, falling(len(wave), 1.5, scene.draws) * (3 + np.sum(swells, axis=0)), snr)


def _hum(wave: Wave, snr: float, scene: Scene) -> NDArray[np.float64]:
    phase = 2 * np.pi * (50 * np.arange(len(wave)) / scene.rate + scene.draws.uniform())
    return at_ratio(wave, np.sum([np.sin(k * phase) / k for k in (1, 2, 3, 5, 7)], axis=0), snr)


def _low_pass(wave: Wave, share: float, scene: Scene) -> NDArray[np.float64]:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(ORDER, share, output="sos"), wave.astype(np.float64)))


def _reverberant(wave: Wave, seconds: float, scene: Scene) -> NDArray[np.float64]:
    """A direct sound and, as strong, noise that dies away; cut to the recording's own length."""
    from scipy.signal import fftconvolve

    at = np.arange(max(2, round(seconds * scene.rate))) / scene.rate
    tail = scene.draws.standard_normal(len(at)) * 10 ** (-3 * at / seconds)
    tail *= 1 / np.sqrt(np.sum(tail**2))
    tail[0] += 1
    return fftconvolve(wave.astype(np.float64), tail)[: len(wave)]


def _coarse(wave: Wave, bits: float, scene: Scene) -> NDArray[np.float64]:
    peak = float(np.abs(wave).max()) or 1.0
    steps = 2 ** (bits - 1)
    return np.rint(wave / peak * steps) / steps * peak


def _quiet(wave: Wave, decibels: float, scene: Scene) -> NDArray[np.float64]:
    return np.rint(wave.astype(np.float64) * 10 ** (-decibels / 20) * 32_768) / 32_768


def _clipped(wave: Wave, share: float, scene: Scene) -> NDArray[np.float64]:
    limit = share * np.abs(wave).max()
    return np.clip(wave, -limit, limit).astype(np.float64)


def _at_speed(wave: Wave, factor: float, scene: Scene) -> NDArray[np.float64]:
    """Pitch and resonances move with the tempo, as on a tape."""
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(factor).limit_denominator(40)
    return np.asarray(resample_poly(wave.astype(np.float64), ratio.denominator, ratio.numerator))


def _lost(wave: Wave, share: float, scene: Scene) -> NDArray[np.float64]:
    piece = np.arange(len(wave)) // max(1, round(PACKET_S * scene.rate))
    return wave.astype(np.float64) * (scene.draws.random(int(piece[-1]) + 1) >= share)[piece]


CHANGES: dict[str, Callable[[Wave, float, Scene], NDArray[np.float64]]] = {
    "white_noise": _white,
    "pink_noise": _pink,
    "speech_shaped_noise": _crowd,
    "mains_hum": _hum,
    "low_pass": _low_pass,
    "reverberation": _reverberant,
    "coarse_samples": _coarse,
    "quiet": _quiet,
    "clipping": _clipped,
    "faster": _at_speed,
    "slower": _at_speed,
    "lost_packets": _lost,
}
