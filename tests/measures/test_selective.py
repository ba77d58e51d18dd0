"""Selective risk and AUGRC: by hand, from the curve's definition, against planted confidences."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.measures.interval import clopper_pearson
from basestone.measures.selective import augrc, selective_risk_ratio


def answers(clean, confidence, wrong):
    return clean(np.zeros(len(wrong)), np.asarray(wrong, np.int64), np.asarray(confidence, np.float64))


def test_by_hand(make_records, clean):
    """Of ten, the eight most confident are kept. Four errors, one of them kept: (1/8) / (4/10) = 0.3125."""
    confidence = [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.6, 0.5]
    wrong = [0, 0, 0, 1, 0, 0, 0, 0, 1, 1]
    found = selective_risk_ratio(make_records(clean_test=answers(clean, confidence, wrong)))
    assert found.value == pytest.approx((1 / 8) / (3 / 10)) and found.n == 3
    assert found.interval.upper == pytest.approx(clopper_pearson(1, 3).upper / 0.8)
    assert found.detail["coverage"] == 0.8 and found.detail["selective_risk"] == 0.125
    assert found.detail["confidence"] == 0.92 and found.detail["samples"] == 10


def test_equal_confidences_cannot_be_told_apart(make_records, clean):
    found = selective_risk_ratio(make_records(clean_test=answers(clean, [1.0] * 10, [1, 1] + [0] * 8)))
    assert found.value == 1 and found.detail["coverage"] == 1  # everything is kept


def test_no_error_decides_nothing(make_records, clean):
    found = selective_risk_ratio(make_records(clean_test=answers(clean, np.linspace(0.5, 1, 50), [0] * 50)))
    assert (found.value, found.n, found.interval.lower, found.interval.upper) == (0.0, 0, 0.0, 1.25)


@pytest.mark.parametrize("accuracy", [0.6, 0.9])
def test_the_area_is_that_under_the_curve(accuracy):
    """The definition, sample by sample: the mean of (errors so far) / n over the ordered samples."""
    rng = np.random.default_rng(0)
    wrong = rng.random(20_000) > accuracy
    confidence = rng.random(20_000) + 0.5 * ~wrong
    ordered = wrong[np.argsort(-confidence)]
    curve = np.cumsum(ordered) / len(ordered)
    assert augrc(confidence, wrong) == pytest.approx(curve.mean(), abs=1e-4)


def test_the_area_of_chance_of_the_best_and_of_no_error():
    wrong = np.arange(1_000) < 200
    assert augrc(np.full(1_000, 0.9), wrong) == pytest.approx(0.1)  # chance: half the error rate
    assert augrc(np.where(wrong, 0.1, 0.9), wrong) == pytest.approx(0.02)  # the best: its square, halved
    assert augrc(np.full(10, 0.9), np.zeros(10, bool)) == 0


def test_a_confidence_of_noise_fails_and_an_honest_one_passes(make_records, clean):
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 2_000)
    noise = selective_risk_ratio(make_records(clean_test=answers(clean, confidence, rng.random(2_000) < 0.1)))
    honest = rng.random(2_000) < np.where(confidence < 0.6, 0.45, 0.01)
    passed = selective_risk_ratio(make_records(clean_test=answers(clean, confidence, honest)))
    assert noise.interval.lower > 0.5 > passed.interval.upper
