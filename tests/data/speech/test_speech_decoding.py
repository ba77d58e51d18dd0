"""One recording as it is kept: the documented rules for rate and channels, and what is refused by row and reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from basestone.core.errors import DataError
from basestone.data.speech.contract import Sound, SpeechRow
from basestone.data.speech.decode import decode

RATE = 8_000
TONE_HZ = 440.0


def tone(seconds: float, rate: int, hz: float = TONE_HZ) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def file(samples: np.ndarray, rate: int, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format=kind, subtype=subtype)
    return held.getvalue()


def row(audio: bytes | Sound) -> SpeechRow:
    return SpeechRow(name="a.csv row 7", audio=audio)


def test_16_bit_files_at_the_data_sets_rate_are_kept_bit_for_bit():
    samples = np.array([0, 1, -1, 32_767, -32_768, 123], np.int16)
    assert (decode(row(file(samples, RATE)), RATE) == samples).all()
    assert (decode(row(file(samples, RATE, "FLAC")), RATE) == samples).all()


def test_channels_are_averaged():
    left, right = np.array([1000, 3000], np.int16), np.array([2000, -1000], np.int16)
    kept = decode(row(file(np.column_stack([left, right]), RATE)), RATE)
    assert kept.tolist() == [1500, 1000]  # (1000 + 2000) / 2, (3000 − 1000) / 2


@pytest.mark.parametrize("rate", [16_000, 44_100, 6_000])
def test_another_rate_is_converted(rate):
    """By law: a tone stays the same tone, as long as before."""
    kept = decode(row(file(tone(0.5, rate), rate)), RATE).astype(np.float64) / 32_768
    assert len(kept) == pytest.approx(0.5 * RATE, abs=2)
    middle = slice(400, 3_600)
    ideal = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(len(kept)) / RATE)
    assert np.abs(kept - ideal)[middle].max() < 2e-3


def test_nothing_folds_back_when_the_rate_falls():
    """A tone above half the new rate is gone, where taking every other sample would put it at 2 kHz."""
    kept = decode(row(file(tone(0.5, 16_000, hz=6_000), 16_000)), RATE) / 32_768
    assert np.abs(kept[400:-400]).max() < 1e-3


def test_what_exceeds_full_scale_is_clipped():
    kept = decode(row(Sound(samples=np.array([1.5, -2.0, 0.25], np.float32), rate=RATE)), RATE)
    assert kept.tolist() == [32_767, -32_768, 8_192]


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (file(np.zeros(0, np.int16), RATE), "holds no sample"),
        (file(np.zeros(100, np.int16), RATE), "is silent: every sample is 0"),
        (file(np.array([1, np.nan]), RATE, subtype="FLOAT"), "holds 1 samples that are no numbers, the first at 1"),
        (file(np.array([0.1, np.inf], np.float32), RATE, subtype="FLOAT"), "holds 1 samples that are no numbers"),
        (b"RIFF....WAVE nothing of the kind", "that libsndfile reads"),
        (b"", "that libsndfile reads"),
        (file(tone(0.1, RATE), RATE)[:30], "a.csv row 7"),
    ],
    ids=["empty", "silent", "nan", "infinite", "other", "nothing", "cut"],  # a float file holds the second it was made
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_row_and_reason(audio, reason):
    with pytest.raises(DataError, match=r"a.csv row 7 must be a recording") as refused:
        decode(row(audio), RATE)
    assert reason in str(refused.value) and "remove the row" in str(refused.value)
