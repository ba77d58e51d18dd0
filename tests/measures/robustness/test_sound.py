"""Corruptions of recordings: in ratio, in length, reproducible, and worse from severity to severity."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.measures.robustness import SPEECH_FAMILIES
from basestone.measures.robustness.sound import CHANGES, LEVELS, SNR_DB, corrupt_sound

RATE = 8_000
NAMES = [name for names in SPEECH_FAMILIES.values() for name in names]


def tone(hz: float = 440.0, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def change(name: str, severity: int, wave: np.ndarray | None = None, position: int = 3, seed: int = 0) -> np.ndarray:
    held = tone() if wave is None else wave
    return corrupt_sound(held, position, RATE, corruption=name, severity=severity, seed=seed)


def test_every_name_has_a_change_and_five_levels():
    assert list(CHANGES) == NAMES == list(LEVELS) and {len(levels) for levels in LEVELS.values()} == {5}


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_changed_the_same_way_each_time(name):
    first = change(name, 3)
    assert first.dtype == np.float32 and np.isfinite(first).all() and len(first)
    assert (first == change(name, 3)).all()
    if name in ("white_noise", "pink_noise", "speech_shaped_noise", "mains_hum", "reverberation", "lost_packets"):
        assert (first != change(name, 3, position=4)).any() and (first != change(name, 3, seed=1)).any()


@pytest.mark.parametrize("name", ["white_noise", "pink_noise", "speech_shaped_noise", "mains_hum"])
@pytest.mark.parametrize("severity", [1, 5])
def test_noise_has_the_ratio_of_its_severity(name, severity):
    added = change(name, severity).astype(np.float64) - tone()
    ratio = 10 * np.log10(np.mean(tone() ** 2) / np.mean(added**2))
    assert ratio == pytest.approx(SNR_DB[severity - 1], abs=0.01)


def test_noises_differ_in_where_their_power_lies():
    def low_share(name):
        power = np.abs(np.fft.rfft(change(name, 3) - tone())) ** 2
        return power[: len(power) // 8].sum() / power.sum()

    assert low_share("white_noise") == pytest.approx(1 / 8, abs=0.03)
    assert 0.4 < low_share("pink_noise") < low_share("speech_shaped_noise")
    assert low_share("mains_hum") > 0.98


def test_speed_changes_length_and_pitch():
    """By law: at 1.5 times the speed 440 Hz become 660 Hz, and half a second a third."""
    for name, factor in (("faster", 1.5), ("slower", 0.6)):
        found = change(name, 5)
        assert len(found) == pytest.approx(4_000 / factor, abs=1)
        peak = np.abs(np.fft.rfft(found * np.hanning(len(found)), 65_536)).argmax() * RATE / 65_536
        assert peak == pytest.approx(440 * factor, rel=0.01)


def test_the_channel_takes_what_lies_above_it():
    """At severity 5 it ends at 0.35 · 4 kHz = 1.4 kHz."""
    assert np.abs(change("low_pass", 5, tone(3_000))[500:]).max() < 0.01
    assert np.abs(change("low_pass", 5, tone(300))[500:]).max() == pytest.approx(0.5, abs=0.03)


def test_samples_become_coarse_and_levels_fall_and_clip():
    assert len(np.unique(change("coarse_samples", 5))) <= 9  # 3 bits and a sign
    assert np.abs(change("quiet", 2)).max() == pytest.approx(0.5 * 10 ** (-24 / 20), rel=1e-2)
    clipped = change("clipping", 3)
    assert np.abs(clipped).max() == pytest.approx(0.25 * 0.5, rel=1e-4)
    assert (clipped[np.abs(tone()) < 0.1] == tone()[np.abs(tone()) < 0.1]).all()


def test_packets_are_lost_in_whole_pieces():
    wave = np.ones(8_000, np.float32)
    pieces = change("lost_packets", 5, wave).reshape(-1, 160)
    assert set(pieces.mean(1).tolist()) == {0.0, 1.0} and pieces[:, 0].mean() == pytest.approx(0.7, abs=0.15)


def test_a_room_answers_after_the_sound_and_keeps_the_length():
    click = np.zeros(4_000, np.float32)
    click[100] = 1
    found = change("reverberation", 3, click)
    assert len(found) == 4_000 and not np.abs(found[:100]).max() > 1e-6
    early, late = np.square(found[101:1_000]).sum(), np.square(found[3_000:3_900]).sum()
    assert early > 30 * late  # 60 dB in 0.6 s are 100 dB a second: 36 dB over the 2,900 samples between


@pytest.mark.parametrize(("name", "severity"), [("wind", 1), ("quiet", 0), ("quiet", 6)])
def test_what_there_is_not_is_refused(name, severity):
    with pytest.raises(ValueError, match="must be one of white_noise, pink_noise"):
        change(name, severity)
