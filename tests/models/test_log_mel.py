"""Log-mel against librosa's numbers, against scipy's transform, and by the laws that padding must obey."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from basestone.core.waves import held_samples
from basestone.models.own.log_mel import LogMel, hz_to_mel, levelled, mel_filters, mel_to_hz

RATE = 8_000


def chirp() -> np.ndarray:
    at = np.arange(4_000) / RATE
    rising = 0.5 * np.sin(2 * np.pi * (200 + 800 * at) * at)
    return (rising + 0.1 * np.sin(2 * np.pi * 2_900 * at)).astype(np.float32)


def front(floor: float = 1e-6) -> LogMel:
    return LogMel(RATE, 40, 0.025, 0.01, floor)


LIBROSA = {
    (0, 0): -0.82794,
    (5, 10): 2.58667,
    (12, 25): -6.7186,
    (20, 49): -7.56906,
    (33, 7): -12.73982,
    (39, 50): -6.47843,
}
LIBROSA_MEAN = -10.54535  # librosa 0.11.0: log(max(melspectrogram(n_fft=256, hop 80, window 200, 40 mels), 1e-6))


def test_the_numbers_are_librosas():
    found = front()(torch.from_numpy(chirp())[None])[0]
    assert found.shape == (40, 51)
    for (mel, frame), value in LIBROSA.items():
        assert float(found[mel, frame]) == pytest.approx(value, abs=1e-4), (mel, frame)
    assert float(found.mean()) == pytest.approx(LIBROSA_MEAN, abs=1e-4)


def test_the_power_is_scipys_short_time_transform():
    module = front()
    wide = np.pad(chirp(), 128)
    window = np.pad(scipy.signal.get_window("hann", 200), (28, 28))
    frames = np.stack([wide[start : start + 256] * window for start in range(0, 4_001, 80)])
    ideal = np.log(np.maximum(module.filters.numpy() @ (np.abs(scipy.fft.rfft(frames, axis=1)) ** 2).T, 1e-6))
    found = module(torch.from_numpy(chirp())[None])[0].numpy()
    loud = ideal > -8  # where float32 has digits left
    assert np.abs(found - ideal)[loud].max() < 1e-4


def test_the_filters_are_slaneys():
    """librosa 0.11.0's largest weight of four bands, and by hand: 10 mel is 10 · 200/3 Hz, 4 kHz is 35.1638 mel."""
    filters = mel_filters(RATE, 256, 40)
    for band, place, weight in ((0, 2, 0.0158613), (10, 20, 0.0162828), (25, 53, 0.0097983), (39, 121, 0.0042927)):
        assert filters[band].argmax() == place and filters[band].max() == pytest.approx(weight, abs=1e-7)
    assert mel_to_hz(np.array([10.0, 20.0])) == pytest.approx([666.666667, 1410.238568])
    assert float(hz_to_mel(np.array(4_000.0))) == pytest.approx(35.163760)
    assert mel_to_hz(hz_to_mel(np.linspace(0, 8_000, 99))) == pytest.approx(np.linspace(0, 8_000, 99))


def test_padding_changes_no_frame_that_a_recording_has():
    wave = torch.from_numpy(chirp())[None]
    module = front()
    count = int(module.frames(torch.tensor(4_000)))
    longer = module(torch.nn.functional.pad(wave, (0, 1_234)))
    assert count == 51 and torch.allclose(longer[:, :, :count], module(wave), atol=1e-5)


def test_recordings_are_brought_to_one_loudness_over_what_they_hold():
    waves = torch.tensor([[0.0, 2.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 0.0, 0.0]])
    held = held_samples(waves)
    level = levelled(waves, held)
    assert (level.square().sum(1) / held).tolist() == pytest.approx([1.0, 1.0, 0.0])
    assert torch.allclose(levelled(0.001 * waves, held), level)


def test_it_is_computed_in_float32_whatever_is_around_it():
    wave = torch.from_numpy(chirp())[None]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(front()(wave), front()(wave.clone())) and front()(wave).dtype == torch.float32
    assert torch.equal(front()(wave), front()(wave.bfloat16().float())) is False  # the input's own digits do count
