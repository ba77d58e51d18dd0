from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from basestone.core.errors import UsageError
from basestone.serving.safety import Unguarded, calibrate, conformal_quantile, scored


def table(logits, labels):
    return {"label": np.asarray(labels), **{f"logit_{k}": column for k, column in enumerate(np.asarray(logits).T)}}


def drawn(rng, n, classes=12, sharp=3.0):
    """Logits of a model that is often right; columns enough that ``logit_10`` must not sort before ``logit_2``."""
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), labels] += sharp
    return logits, labels


def test_the_quantile_by_hand():
    """n = 9, α = 0.2: the ⌈10 · 0.8⌉ = 8th smallest of nine scores. n = 4, α = 0.1: ⌈4.5⌉ = 5th of four: infinite."""
    assert conformal_quantile([0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.2) == 0.8
    assert conformal_quantile([1, 2, 3, 4], 0.1) == math.inf
    assert conformal_quantile(list(range(1, 100)), 0.01) == 99


def test_probabilities_and_energy_are_those_of_scipy():
    logits = np.random.default_rng(0).normal(scale=50, size=(20, 5))
    probabilities, energies = scored(logits)
    np.testing.assert_allclose(energies, -logsumexp(logits, axis=1), rtol=1e-12)
    np.testing.assert_allclose(probabilities, softmax(logits, axis=1), rtol=1e-12)


def test_unflagged_wrong_answers_stay_below_alpha():
    """The guarantee itself, averaged over draws of calibration and test samples (law; Monte Carlo error 0.002)."""
    rng, wrong, foreign, total = np.random.default_rng(7), 0, 0, 0
    for _ in range(60):
        guard = calibrate(table(*drawn(rng, 200)), alpha=0.05, epsilon=0.05)
        logits, labels = drawn(rng, 300)
        judged = guard.judge(logits.astype(np.float32))
        given = np.array([not reasons for reasons in judged.reasons])
        wrong += int((given & (judged.prediction != labels)).sum())
        foreign += sum("foreign" in reasons for reasons in judged.reasons)
        total += len(labels)
    assert wrong / total <= 0.05
    assert 0.03 < foreign / total <= 0.053


def test_a_model_that_guesses_answers_nothing():
    """Planted fault: labels that have nothing to do with the logits."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(400, 4))
    guard = calibrate(table(logits, rng.integers(0, 4, 400)))
    assert all("several_classes" in reasons for reasons in guard.judge(logits.astype(np.float32)).reasons)


def test_flat_logits_are_foreign_and_no_number_is_doubtful():
    guard = calibrate(table(*drawn(np.random.default_rng(1), 500, sharp=20.0)))
    logits = np.zeros((3, 12), np.float32)
    logits[1, 4] = 25
    logits[2, 0] = np.nan
    reasons = guard.judge(logits).reasons
    assert "foreign" in reasons[0] and reasons[1] == () and "not_finite" in reasons[2]
    np.testing.assert_allclose(guard.judge(logits).probabilities[:2], softmax(logits[:2], axis=1), rtol=1e-5)


def test_p_values_by_hand():
    """Four calibration energies 1, 2, 3, 4: of 2.5, two are at least as foreign: (1 + 2) / 5."""
    guard = calibrate(table(np.zeros((4, 2)), [0] * 4), alpha=0.5, epsilon=0.2)
    from dataclasses import replace

    guard = replace(guard, energies=np.array([1.0, 2.0, 3.0, 4.0]))
    assert guard.p_values(np.array([2.5, 4.0, 5.0, 0.0])).tolist() == [0.6, 0.4, 0.2, 1.0]
    assert guard.to_json()["energy_limit"] == 4.0


def test_too_few_samples_are_refused():
    with pytest.raises(
        UsageError, match=r"Calibration at 0.01 needs at least 99 recorded test samples; the audit has 98"
    ):
        calibrate(table(*drawn(np.random.default_rng(0), 98)))
    assert calibrate(table(*drawn(np.random.default_rng(0), 99))).quantile < 1


def test_without_calibration_only_no_number_is_doubtful():
    judged = Unguarded().judge(np.array([[0.1, 0.2], [np.inf, 0]], np.float32))
    assert judged.reasons == ((), ("not_finite",))
    assert judged.prediction.tolist() == [1, 0]
