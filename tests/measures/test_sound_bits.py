"""Bits per sample: by hand, against a histogram, and with a planted model that knows nothing or everything."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from basestone.core.batch import Batch
from basestone.core.evidence import Records, write_records
from basestone.measures import measure
from basestone.measures.sound import collect_sound, histogram_nats, replay_sound
from basestone.measures.subject import Subject


class Fixed(nn.Module):
    """Every sample costs the same; what leads is the sample's sign."""

    def __init__(self, nats: float):
        super().__init__()
        self.price = nn.Parameter(torch.tensor(nats))

    def forward(self, inputs, classes=None):
        if classes is None:
            return torch.stack([inputs, -inputs], 2) * self.price
        return self.price.expand(classes.shape).masked_fill(classes < 0, 0.0)


def read(lengths):
    def batch(where):
        targets = torch.full((len(where), max(lengths)), -100)
        for row, place in zip(targets, where.tolist(), strict=True):
            row[: lengths[place]] = torch.arange(lengths[place]) % 4
        return Batch(inputs=targets.float(), targets=targets, index=torch.from_numpy(where))

    return batch


def table(folder, name, index, samples, nats, baseline):
    columns = {"index": index, "samples": samples, "nats": nats, "baseline_nats": baseline}
    write_records(folder / "samples" / f"{name}.parquet", {key: np.array(held) for key, held in columns.items()})


def test_a_histogram_counts_every_sample_of_training_and_adds_one():
    nats = histogram_nats(read([8, 6]), np.arange(2), batch_size=1)
    # 14 samples: classes 0 and 1 four times, 2 and 3 three times; 256 more for the ones added
    np.testing.assert_allclose(np.exp(-nats[:5]) * 270, [5, 5, 4, 4, 1])
    assert np.exp(-nats).sum() == pytest.approx(1)


def test_a_row_a_recording_with_what_its_own_samples_cost():
    prices = np.arange(256, dtype=float)
    found = collect_sound(
        Subject(model=Fixed(2.0)),
        read([5, 3, 8]),
        np.array([2, 0]),
        prices,
        groups={"who": ["a", "b", "c"]},
        batch_size=1,
    )
    assert found["index"].tolist() == [2, 0] and found["samples"].tolist() == [8, 5]
    assert found["nats"].tolist() == [16.0, 10.0]
    assert found["baseline_nats"].tolist() == [12.0, 6.0]  # 0+1+2+3+0+1+2+3 and 0+1+2+3+0
    assert found["who"].tolist() == ["c", "a"]


def test_bits_by_hand(tmp_path):
    """Two kinds of recordings, 20 of each: 100 samples at 2 bits, 300 at 4: (200 + 1,200) / 400 = 3.5 bits a sample."""
    rows = np.arange(40)
    samples = np.where(rows < 20, 100, 300)
    nats = samples * np.where(rows < 20, 2, 4) * math.log(2)
    table(tmp_path, "sound_test", rows, samples, nats, samples * 7 * math.log(2))
    table(tmp_path, "sound_train", rows, samples, 0.8 * nats, samples * 7 * math.log(2))
    records = Records(tmp_path)
    bits = measure("bits_per_sample", records)
    assert bits.value == pytest.approx(3.5) and bits.n == 40 and bits.unit == "bit/sample"
    assert 3.2 < bits.interval.lower < 3.5 < bits.interval.upper < 3.8 and bits.interval.decidable
    assert bits.detail == {"samples": 8_000, "histogram_bits_per_sample": pytest.approx(7.0)}
    assert measure("bits_under_histogram", records).value == pytest.approx(3.5)
    gap = measure("sample_bits_gap", records)
    assert gap.value == pytest.approx(0.2) and gap.detail["test_bits_per_sample"] == pytest.approx(3.5)


def test_a_model_that_knows_nothing_is_not_under_the_histogram(tmp_path):
    rows, samples = np.arange(40), np.full(40, 50) + np.arange(40) % 3
    table(tmp_path, "sound_test", rows, samples, samples * math.log(256), samples * 6.0 * math.log(2))
    found = measure("bits_under_histogram", Records(tmp_path))
    assert found.value == pytest.approx(-2.0) and found.interval.upper < 0


def test_a_replay_tells_a_changed_model_from_the_same_one():
    where = np.arange(3)
    same = replay_sound(Subject(model=Fixed(2.0)), Subject(model=Fixed(2.0)), read([5, 3, 8]), where, batch_size=2)
    assert not same["max_abs_diff"].any() and same["same_prediction"].tolist() == [1, 1, 1]
    other = replay_sound(Subject(model=Fixed(2.0)), Subject(model=Fixed(-2.5)), read([5, 3, 8]), where, batch_size=2)
    assert other["max_abs_diff"].tolist() == [4.5] * 3 and other["same_prediction"].tolist() == [0, 0, 0]
