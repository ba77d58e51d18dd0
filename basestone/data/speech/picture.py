"""A recording as a picture: its waveform above its spectrogram, for readers who cannot hear a page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHAPE = (192, 96)  # pixels, width and height
_STRIP = 28  # rows of the waveform
_RANGE_DB = 60.0
_PAPER, _INK = np.array([244, 246, 249], np.uint8), np.array([35, 89, 184], np.uint8)
_COLOURS = np.array([[13, 8, 60], [90, 20, 120], [190, 50, 90], [245, 135, 50], [252, 250, 190]], np.float64)


def picture(samples: NDArray[np.float32], rate: int) -> NDArray[np.uint8]:
    """3×H×W: the envelope by column over 60 dB of power up to half the rate, low frequencies at the bottom."""
    width, height = SHAPE
    image = np.empty((height, width, 3), np.uint8)
    image[:_STRIP] = _PAPER
    image[_STRIP:] = _spectrogram(samples, rate, width, height - _STRIP)
    edges = np.linspace(0, len(samples), width + 1).astype(np.int64)
    peak = float(np.abs(samples).max()) or 1.0
    rows = np.abs(np.arange(_STRIP) - (_STRIP - 1) / 2)
    for column, (start, end) in enumerate(pairwise(edges.tolist())):
        loud = float(np.abs(samples[start : max(end, start + 1)]).max()) / peak
        image[:_STRIP][rows <= max(0.5, loud * (_STRIP - 1) / 2), column] = _INK
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def picture_of_wav(file: bytes) -> NDArray[np.uint8]:
    """As ``picture``, of a file as ``data.export.wav_bytes`` writes it."""
    import io
    import wave

    with wave.open(io.BytesIO(file)) as held:
        samples = np.frombuffer(held.readframes(held.getnframes()), "<i2").astype(np.float32) / np.float32(32_768)
        return picture(samples, held.getframerate())


def _spectrogram(samples: NDArray[np.float32], rate: int, width: int, height: int) -> NDArray[np.uint8]:
    size = 2 ** int(np.ceil(np.log2(rate * 0.032)))
    centres = np.linspace(0, len(samples) - 1, width).astype(np.int64)
    padded = np.pad(samples.astype(np.float64), size // 2)
    power = np.abs(np.fft.rfft(padded[centres[:, None] + np.arange(size)] * np.hanning(size), axis=1)) ** 2
    decibels = 10 * np.log10(np.maximum(power, 1e-12))
    level = np.clip(1 + (decibels - decibels.max()) / _RANGE_DB, 0, 1).T[::-1]  # high frequencies first
    rows = np.linspace(0, len(level) - 1, height).astype(np.int64)
    return _coloured(level[rows])


def heat(
    values: NDArray[np.floating[Any]], low: float, high: float, cell: tuple[int, int] = (3, 3)
) -> NDArray[np.uint8]:
    """3×H×W of a matrix, row 0 at the bottom: each number ``cell`` pixels high and wide, dark at ``low``."""
    level = np.clip((np.asarray(values, np.float64)[::-1] - low) / (high - low), 0, 1)
    image = _coloured(np.repeat(np.repeat(level, cell[0], 0), cell[1], 1))
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def _coloured(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """H×W of 0 … 1 to H×W×3."""
    place = level * (len(_COLOURS) - 1)
    below = np.minimum(place.astype(np.int64), len(_COLOURS) - 2)
    share = (place - below)[..., None]
    return ((1 - share) * _COLOURS[below] + share * _COLOURS[below + 1]).astype(np.uint8)
