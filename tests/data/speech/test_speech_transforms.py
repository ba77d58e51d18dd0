"""Random changes of waveforms: exact on tones, in ratio on noise, and nothing behind a recording."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from basestone.core.contracts import Draw
from basestone.core.waves import held_samples, recorded
from basestone.data.speech.transforms import add_noise, coloured, mixed, played, speed

RATE = 8_000


def tone(hz, samples=RATE, padding=0):
    wave = torch.sin(2 * torch.pi * hz * torch.arange(samples) / RATE)
    return torch.nn.functional.pad(wave, (0, padding))


def draw(n, seed=0):
    return Draw(generator=torch.Generator().manual_seed(seed), epoch=0, positions=torch.arange(n))


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.1, 1.25])
def test_a_tone_played_at_a_speed_is_that_tone_times_the_factor(factor):
    """By law: sin(2π·f·t) at speed r is sin(2π·r·f·t), to 60 dB away from the ends."""
    found = played(tone(300)[None], torch.tensor([factor]))[0]
    count = int((RATE - 1) / factor)
    ideal = torch.sin(2 * torch.pi * 300 * factor * torch.arange(len(found)) / RATE)
    assert (found - ideal)[100 : count - 100].abs().max() < 2e-3
    assert len(found) >= count and not found[count + 1 :].any()


def test_each_recording_has_its_own_speed_and_its_own_end():
    waves = torch.stack([tone(200), tone(200, RATE // 2, RATE // 2)])
    found = played(waves, torch.tensor([1.25, 0.8]))
    ends = held_samples(found).tolist()
    assert ends == pytest.approx([RATE / 1.25, RATE / 2 / 0.8], abs=2)


def test_a_faster_recording_does_not_fold_back():
    """3.6 kHz at 1.25 would be 4.5 kHz, above half the rate: it has to go, where folding would leave 3.5 kHz."""
    found = played(tone(3_600)[None], torch.tensor([1.25]))[0]
    assert found[200:-2_000].square().mean() < 0.1 * 0.5


def test_speed_is_uniform_in_its_logarithm_and_leaves_some_alone():
    waves = tone(100, 800, 800).repeat(400, 1)
    ends = held_samples(speed(slowest=0.8, fastest=1.25)(waves, draw(400))).double() / 800
    assert ends.min() >= 0.79 and ends.max() <= 1.26
    assert ends.log().mean() == pytest.approx(0, abs=0.02)  # log 0.8 = −log 1.25
    few = held_samples(speed(probability=0.25)(waves, draw(400)))
    assert 0.65 < ((few - 800).abs() <= 1).double().mean() < 0.85


def test_noise_is_mixed_at_the_ratio_asked_for():
    waves = torch.stack([tone(300, 4_000, 4_000), 0.01 * tone(500)])
    noise = torch.randn(2, RATE, generator=torch.Generator().manual_seed(1))
    found = mixed(waves, noise, torch.tensor([10.0, 0.0]))
    added = found - waves
    for row, snr in ((0, 10.0), (1, 0.0)):
        inside = recorded(waves)[row]
        ratio = waves[row][inside].square().mean() / added[row][inside].square().mean()
        assert 10 * float(ratio.log10()) == pytest.approx(snr, abs=1e-3)
    assert not found[0, 4_000:].any()


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_falls_with_frequency_as_it_is_told(slope):
    white = torch.randn(64, 4_096, generator=torch.Generator().manual_seed(2))
    power = torch.fft.rfft(coloured(white, torch.full((64,), slope))).abs().square().mean(0)
    place = torch.arange(16, 1_024).double()
    fitted = np.polyfit(place.log().numpy(), power[16:1_024].double().log().numpy(), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.05)


def test_only_some_recordings_get_noise_and_the_same_draw_gives_the_same():
    waves = tone(300).repeat(200, 1)
    noisy = add_noise(lowest_snr=10, highest_snr=10, probability=0.5)
    found = noisy(waves, draw(200))
    assert 0.35 < (found != waves).any(1).double().mean() < 0.65
    assert (noisy(waves, draw(200)) == found).all() and (noisy(waves, draw(200, seed=1)) != found).any()
