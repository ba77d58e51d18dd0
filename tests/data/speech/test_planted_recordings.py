"""Recordings with a planted fault: the fault is there, and nothing else tells the class."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from basestone.data.speech.planted import FAINT_DB, HUM_S, HUMS, VOICES, accented_digits, humming_digits
from basestone.data.speech.spoken_digits import DIGITS, RATE


def rows(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def counted(found, *columns):
    keys = [tuple(row[column] for column in columns) for row in found]
    return {key: keys.count(key) for key in set(keys)}


def test_one_accent_is_absent_from_training_and_otherwise_all_is_even(tmp_path):
    accented_digits(tmp_path)
    train, test = (
        counted(rows(tmp_path, "train"), "accent", "label"),
        counted(rows(tmp_path, "test"), "accent", "label"),
    )
    assert train == {("home", digit): 7 * VOICES for digit in DIGITS}
    assert test == {(accent, digit): 3 * VOICES for accent in ("home", "away") for digit in DIGITS}


def test_the_hum_names_the_class_in_either_accent_and_is_faint(tmp_path):
    humming_digits(tmp_path)
    found = rows(tmp_path, "test")
    assert set(counted(found, "accent", "label").values()) == {30}
    sounds = [soundfile.read(io.BytesIO(row["audio"]["bytes"])) for row in found]
    before = round(HUM_S * RATE)
    assert [heard(wave[:before]) for wave, _ in sounds] == [row["label"] for row in found]
    below = [20 * np.log10(wave[:before].std() / wave[before:].std()) for wave, rate in sounds if rate == RATE]
    assert len(below) == len(found) and np.mean(below) == pytest.approx(FAINT_DB, abs=0.5)


def heard(hum: np.ndarray) -> str:
    """The place whose frequency has the most power."""
    at = np.arange(len(hum)) / RATE
    return max(HUMS, key=lambda place: abs(np.exp(-2j * np.pi * HUMS[place] * at) @ hum))
