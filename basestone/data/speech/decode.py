"""One recording as it is kept: one channel, 16 bits, the data set's own rate.

The rules: channels are averaged; another rate is converted by soxr at high quality (band-limited, so nothing folds
back); what then exceeds full scale is clipped. A recording that cannot be read, is empty, is silent from end to end or
holds a number that is none is refused, with its row and the reason.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.data.speech.contract import Sound, SpeechRow

FULL_SCALE = 32_768  # int16; 16-bit files at the data set's rate are kept as they are, bit for bit


def decode(row: SpeechRow, sample_rate: int, speed: float = 1.0) -> NDArray[np.int16]:
    """T samples, played at ``speed`` as a tape would be; DataError names the row."""
    sound = row.audio if isinstance(row.audio, Sound) else _read(row.name, row.audio)
    mono = sound.samples.mean(axis=1) if sound.samples.ndim == 2 else sound.samples
    _require(row.name, len(mono) > 0, "holds no sample")
    bad = np.flatnonzero(~np.isfinite(mono))
    _require(row.name, not len(bad), f"holds {len(bad)} samples that are no numbers, the first at {_first(bad)}")
    kept = quantized(resample(mono, speed * sound.rate, sample_rate))
    _require(row.name, bool(kept.any()), "is silent: every sample is 0")
    return kept


def resample(samples: NDArray[np.float32], rate: float, wanted: float) -> NDArray[np.float32]:
    """T samples at ``rate`` to T · wanted / rate at ``wanted``."""
    if rate == wanted:
        return samples
    import soxr

    return soxr.resample(samples, rate, wanted, quality="HQ")


def quantized(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """From −1 … 1 to 16 bits, rounded and clipped."""
    return np.clip(np.rint(samples * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _read(name: str, audio: bytes) -> Sound:
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(audio), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError) as error:
        raise DataError(
            f"{name} must be a recording that libsndfile reads (WAV, FLAC, OGG, MP3 …) and is not ({error}). "
            "Mend or remove the row."
        ) from error
    return Sound(samples=np.asarray(samples, np.float32), rate=int(rate))


def _require(name: str, held: bool, fault: str) -> None:
    if not held:
        raise DataError(f"{name} must be a recording with sound in it; it {fault}. Mend or remove the row.")


def _first(places: NDArray[np.int64]) -> int | None:
    return int(places[0]) if len(places) else None
