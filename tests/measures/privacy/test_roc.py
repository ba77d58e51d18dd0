"""True positives at a false positive rate: by hand, exact coverage by simulation, and where there are too few."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from basestone.measures.privacy.roc import curve, found_at, lower_bound, non_members_needed, upper_bound


def test_by_hand():
    """Of 100 held-out scores 0 … 99, one may lie above the threshold at 1 %: it is 98, and 3 of 5 members exceed it."""
    others = np.arange(100.0)
    members = np.array([97.0, 98.0, 98.5, 99.5, 120.0])
    assert found_at(members, others, 0.01) == pytest.approx(3 / 5)
    assert found_at(members, others, 0.05) == pytest.approx(5 / 5)  # five may lie above 94


def test_the_numbers_that_the_standard_names():
    assert non_members_needed(0.01) == 299 and non_members_needed(0.001) == 2_995


def test_the_bounds_hold_and_are_not_idle():
    """Members one deviation higher: at 1 % the truth is P(z > z₀.₉₉ − 1) = 0.0923. Each bound may miss in 5 %."""
    truth, generator, missed, widths = norm.sf(norm.isf(0.01) - 1), np.random.default_rng(0), np.zeros(2), []
    for _ in range(400):
        members, others = generator.normal(1, 1, 500), generator.normal(0, 1, 600)
        low, high = lower_bound(members, others, 0.01), upper_bound(members, others, 0.01)
        missed += [low > truth, high < truth]
        widths.append(high - low)
    assert (missed / 400 <= 0.05).all()
    assert np.mean(widths) < 0.18


def test_a_threshold_taken_as_known_would_not_hold():
    """The planted fault: bounds of the members alone, at the threshold that the same held-out samples chose."""
    from basestone.measures.interval import clopper_pearson_limits

    truth, generator, missed = norm.sf(norm.isf(0.01) - 1), np.random.default_rng(0), 0
    for _ in range(400):
        members, others = generator.normal(1, 1, 2_000), generator.normal(0, 1, 300)
        count = round(found_at(members, others, 0.01) * 2_000)
        missed += clopper_pearson_limits(count, 2_000)[1] < truth
    assert missed / 400 > 0.1


def test_few_non_members_bound_nothing():
    members, others = np.full(50, 9.0), np.zeros(10)
    assert lower_bound(members, others, 0.01) == 0
    assert upper_bound(members, np.zeros(1), 0.5) == 1


def test_ties_accuse_nobody():
    """A model that answers everything alike finds no member, however many there are."""
    same = np.zeros(1_000)
    assert found_at(same, same, 0.01) == 0 and lower_bound(same, same, 0.01) == 0


def test_the_curve_ends_where_everything_is_accused():
    generator = np.random.default_rng(0)
    false, true = curve(generator.normal(1, 1, 200), generator.normal(0, 1, 300))
    assert false[0] == pytest.approx(1 / 300) and false[-1] == 1
    assert np.all(np.diff(true) >= 0) and true[-1] > 0.99
