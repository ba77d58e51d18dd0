"""What is heard and seen of a sound: a file that others read, a tone where it belongs, and a page of bounded size."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile

from basestone.reporting.sound_charts import COLUMNS, ROWS, Take, playable, sounds_chart, spectrogram, takes_of

RATE = 8_000


def tone(hz, seconds=0.5):
    at = np.arange(round(seconds * RATE)) / RATE
    return np.rint(20_000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def test_a_take_is_a_file_that_others_read():
    samples = tone(440)
    head, _, body = Take(samples=samples, rate=RATE, told="").uri.partition(",")
    read, rate = soundfile.read(io.BytesIO(base64.b64decode(body)), dtype="int16")
    assert head == "data:audio/wav;base64" and rate == RATE and (read == samples).all()


def test_a_tone_is_the_brightest_row_at_its_height():
    level = spectrogram(tone(1_000), RATE)
    assert level.shape == (ROWS, COLUMNS) and level.min() >= 0 and level.max() == 1
    assert (np.abs(level[:, 20:-20].argmax(0) - (ROWS - 1) / 4) <= 1).all()  # a quarter of 4 kHz


def test_takes_are_put_together_in_their_order():
    table = {
        "take": np.array([1, 0, 0, 1]),
        "place": np.array([1, 1, 0, 0]),
        "sample": np.array([4, 2, 1, 3]),
        "told": np.array(["b", "a", "a", "b"], dtype=object),
    }
    first, second = takes_of(table, RATE)
    assert (first.samples.tolist(), first.told, second.samples.tolist(), second.told) == ([1, 2], "a", [3, 4], "b")


def test_the_chart_holds_every_take_and_the_page_only_what_it_has_room_for():
    takes = [Take(samples=tone(hz, 1.0), rate=RATE, told=f"pitch: {hz}") for hz in (220, 330)]
    svg = {language: sounds_chart(takes, language) for language in ("en", "zh")}
    assert "pitch: 220" in svg["en"] and "pitch: 330" in svg["en"] and "幅度" in svg["zh"]
    assert svg["en"].count("data:image/png;base64,") == 2 and len(svg["en"]) < 150_000
    assert "<script" not in svg["en"] and "http" not in svg["en"].replace("http://www.w3.org/", "")
    long = Take(samples=tone(220, 20.0), rate=RATE, told="")
    assert playable([*takes, long, *takes]) == takes
