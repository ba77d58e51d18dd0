"""Accuracy by group and the largest gap: by hand, by simulation, and what cannot be shown."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured, Records, write_records
from basestone.measures import measure
from basestone.measures.efficiency import real_time_factor
from basestone.measures.groups import group_accuracy_gap
from basestone.measures.interval import newcombe


def records(folder, correct, **groups):
    n = len(correct)
    label = np.zeros(n, np.int64)
    columns = {"index": np.arange(n), "label": label, "prediction": np.where(correct, 0, 1)}
    columns |= {"confidence": np.full(n, 0.9), "loss": np.full(n, 0.1), "logit_0": np.zeros(n)}
    write_records(folder / "samples" / "clean_test.parquet", columns | {k: list(v) for k, v in groups.items()})
    return Records(folder)


def test_the_widest_gap_of_all_columns_is_found(tmp_path):
    """anna 45/50, ben 30/50, cleo 50/50: cleo − ben = 0.4; by room at most 65/75 − 60/75."""
    correct = np.concatenate([np.arange(50) < right for right in (45, 30, 50)])
    room = ["a" if place % 2 else "b" for place in range(150)]
    held = records(tmp_path, correct, speaker=["anna"] * 50 + ["ben"] * 50 + ["cleo"] * 50, room=room)
    found = group_accuracy_gap(held)
    assert found.value == pytest.approx(0.4) and found.n == 150
    assert found.detail["widest"] == ["speaker", "cleo", "ben"]
    assert found.detail["groups"]["speaker"]["ben"]["accuracy"] == 0.6
    pair = newcombe(50, 50, 30, 50)
    assert found.interval.upper == pytest.approx(pair.upper)  # each pair above at 95 %
    assert 0 < found.interval.lower < pair.lower and found.interval.decidable  # all eight pairs below at once


def test_small_groups_cannot_pass(tmp_path):
    held = records(tmp_path, np.ones(60, bool), speaker=["a"] * 31 + ["b"] * 29)
    found = group_accuracy_gap(held)
    assert not found.interval.decidable
    assert found.detail["too_small"] == [{"group": "speaker=b", "n": 29, "needed": 30}]
    assert group_accuracy_gap(held).value == 0 and group_accuracy_gap(held).interval.lower == 0


def test_one_group_alone_has_no_gap(tmp_path):
    found = measure("group_accuracy_gap", records(tmp_path, np.ones(40, bool), speaker=["a"] * 40))
    assert isinstance(found, NotMeasured) and "needs a group column with two values or more" in found.reason


def test_its_bounds_hold(tmp_path):
    """Three groups of 60 at 0.95, 0.9 and 0.85: the truth is 0.1; each bound may miss it in 5 % of the draws."""
    generator, missed = np.random.default_rng(0), np.zeros(2)
    speaker = np.repeat(["a", "b", "c"], 60)
    for number in range(200):
        correct = generator.random(180) < np.repeat([0.95, 0.9, 0.85], 60)
        interval = group_accuracy_gap(records(tmp_path / str(number), correct, speaker=speaker)).interval
        missed += [interval.lower > 0.1, interval.upper < 0.1]
    assert (missed / 200 <= 0.08).all()


def test_a_real_time_factor_is_seconds_for_a_second(tmp_path):
    seconds = np.linspace(0.001, 0.02, 400)
    columns = {"run": np.arange(400), "batch_size": np.ones(400, np.int64), "seconds": seconds}
    write_records(tmp_path / "samples" / "latency.parquet", columns | {"audio_s": np.full(400, 0.5)})
    found = real_time_factor(Records(tmp_path))
    assert found.value == pytest.approx(np.sort(seconds)[395] / 0.5) and found.unit == "1"  # ⌈0.99 · 400⌉ − 1
    assert found.interval.upper >= found.value and found.detail["audio_s"] == 0.5
    write_records(tmp_path / "b" / "samples" / "latency.parquet", columns)
    missing = measure("real_time_factor", Records(tmp_path / "b"))
    assert isinstance(missing, NotMeasured) and "needs 'audio_s'" in missing.reason
