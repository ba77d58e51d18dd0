"""One-sided 95 % bounds of FAI-1, FAI-2 and HUM-1 cover at least 94 %: by enumeration where possible, else by draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from basestone.measures.fairness.pairs import Share, gap_interval, pairs, ratio_interval
from basestone.measures.interval import clopper_pearson_limits, moved_ratio_limits
from basestone.measures.selective import COVERAGE, selective_risk_ratio

FLOOR = 0.94
DRAWS = 2_000


@pytest.mark.parametrize(
    ("n1", "n2", "p1", "p2"),
    [
        (100, 100, 0.5, 0.5),
        (600, 600, 0.4, 0.5),
        (300, 100, 0.1, 0.12),
        (1000, 60, 0.05, 0.3),
        (200, 200, 0.98, 0.99),
        (400, 400, 0.02, 0.025),
    ],
)
def test_a_ratio_of_independent_proportions(n1, n2, p1, p2):
    k1, k2 = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)
    weights = binom.pmf(k1, n1, p1) * binom.pmf(k2, n2, p2)
    lower, upper = moved_ratio_limits(k1, n1, k2, n2)
    for inside in (lower <= p1 / p2, upper >= p1 / p2):
        assert np.average(inside, weights=weights) >= FLOOR


def test_a_ratio_by_hand_and_at_its_ends():
    """With p2 known (many samples) the limits are those of p1 over p2; 0 of n has no lower one, of nothing no upper."""
    lower, upper = moved_ratio_limits(30, 100, 5 * 10**8, 10**9)
    assert (float(lower), float(upper)) == pytest.approx(
        tuple(float(one) / 0.5 for one in clopper_pearson_limits(30, 100)), rel=1e-3
    )
    below, above = moved_ratio_limits([0, 20], [50, 50], [20, 0], [50, 50])
    assert below[0] == 0 and 0 < above[0] < 0.2 and below[1] > 5 and np.isinf(above[1])


GROUPS = {"three alike": [0.9, 0.9, 0.9], "one behind": [0.95, 0.93, 0.85], "five, two behind": [0.9] * 3 + [0.8] * 2}


@pytest.mark.parametrize("rates", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("n", [60, 300])
def test_the_worst_of_all_pairs(rates, n):
    rng = np.random.default_rng(n)
    inside = np.zeros(4)
    for _ in range(500):
        hits = rng.binomial(n, rates)
        compared = pairs([Share(column="g", value=str(i), hits=int(k), n=n) for i, k in enumerate(hits)])
        gap, ratio = gap_interval(compared), ratio_interval(compared)
        truth = max(rates) - min(rates), min(rates) / max(rates)
        inside += (gap.lower <= truth[0], gap.upper >= truth[0], ratio.lower <= truth[1], ratio.upper >= truth[1])
    assert (inside / 500 >= FLOOR).all(), inside / 500


DOUBTS = {  # confidence → the chance of an error
    "noise": lambda c: np.full_like(c, 0.1),
    "honest": lambda c: 1 - c,
    "sharp": lambda c: np.where(c < 0.65, 0.4, 0.01),
    "upside down": lambda c: 0.3 * (c - 0.5),
    "at the limit": lambda c: np.where(c < 0.6, 0.12, 0.02),  # the ratio is 0.5
}


@pytest.mark.parametrize("kind", DOUBTS)
@pytest.mark.parametrize("n", [300, 2_000])
def test_selective_risk(kind, n, make_records, clean):
    """Confidence is uniform from 0.5 to 1, so that the most confident 80 % lie above 0.6."""
    grid = np.linspace(0.5, 1, 200_001)
    chance = DOUBTS[kind](grid)
    truth = chance[grid >= 0.6].sum() / chance.sum() / COVERAGE
    rng, inside = np.random.default_rng(n), np.zeros(2)
    held = make_records(clean_test=clean([0], [0]))
    for _ in range(DRAWS // 2):
        confidence = rng.uniform(0.5, 1, n)
        wrong = (rng.random(n) < DOUBTS[kind](confidence)).astype(np.int64)
        held._tables["clean_test"] = clean(np.zeros(n), wrong, confidence)
        bounds = selective_risk_ratio(held).interval
        inside += (bounds.lower <= truth + 1e-9, bounds.upper >= truth - 1e-9)
    assert (inside / (DRAWS // 2) >= FLOOR).all(), inside / (DRAWS // 2)
