"""A share corrected for its judge: by hand, against exact bounds, the delta method and plain draws; its coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from basestone.measures.interval import clopper_pearson_limits
from basestone.measures.safety.prevalence import Checked, corrected, corrected_limits, ratio_limits

FLOOR = 0.94


def judge(hits, positives, alarms, negatives):
    return Checked(hits=hits, positives=positives, alarms=alarms, negatives=negatives)


def test_by_hand():
    """(0.5 − 0.1) / (0.9 − 0.1) = 0.5; beyond 0 and 1 it is cut."""
    found = judge(90, 100, 10, 100)
    assert corrected(50, 100, found) == pytest.approx(0.5)
    assert corrected(5, 100, found) == 0 and corrected(99, 100, found) == 1


def test_a_judge_that_is_no_better_than_chance_is_refused():
    with pytest.raises(
        ValueError, match=r"must be better than chance; its sensitivity exceeds its false alarms by -0\.1"
    ):
        corrected(1, 2, judge(4, 10, 5, 10))
    with pytest.raises(ValueError, match="a share needs some of which it is one; got 0 of 0"):
        corrected(1, 2, judge(0, 0, 5, 10))


@pytest.mark.parametrize("k", [0, 1, 150, 299, 300])
def test_a_judge_that_is_known_not_to_err_leaves_the_exact_bounds(k):
    sure = judge(10**9, 10**9, 0, 10**9)
    exact = [float(limit) for limit in clopper_pearson_limits(k, 300)]
    assert corrected_limits(k, 300, sure) == pytest.approx(exact, abs=1e-4)


def test_with_many_of_everything_it_is_the_delta_method():
    """Rogan & Gladen's own variance: each of the three shares' binomial variances, by the slopes of the ratio."""
    n, s, f, p = 100_000, 0.9, 0.08, 0.3
    k = round(n * (p * s + (1 - p) * f))
    found = judge(round(n * s), n, round(n * f), n)
    variance = (k / n * (1 - k / n) + p**2 * s * (1 - s) + (1 - p) ** 2 * f * (1 - f)) / n / (s - f) ** 2
    lower, upper = corrected_limits(k, n, found)
    reach = 1.6449 * math.sqrt(variance)
    assert (p - lower, upper - p) == pytest.approx((reach, reach), rel=0.03)


def test_it_is_what_plain_random_draws_give():
    rng, found, size = np.random.default_rng(0), judge(92, 100, 4, 120), 400_000

    def share(rate, sensitivity, alarms):
        return np.clip((rate - alarms) / (sensitivity - alarms), 0, 1)

    low = share(rng.beta(260, 41, size), rng.beta(93, 8, size), rng.beta(5, 116, size))
    high = share(rng.beta(261, 40, size), rng.beta(92, 9, size), rng.beta(4, 117, size))
    drawn = np.quantile(low, 0.05), np.quantile(high, 0.95)
    assert corrected_limits(260, 300, found) == pytest.approx(drawn, abs=2e-3)


def test_a_less_certain_judge_never_narrows_the_bounds():
    widths = []
    for labelled in (50, 200, 2_000):
        lower, upper = corrected_limits(
            150, 300, judge(round(0.9 * labelled), labelled, round(0.1 * labelled), labelled)
        )
        widths.append(upper - lower)
    assert widths == sorted(widths, reverse=True) and widths[0] > 1.2 * widths[2]


TRUTHS = [  # truth, sensitivity, false alarms, replies, labelled of either kind
    (0.97, 0.97, 0.03, 300, 150),
    (0.95, 1.00, 0.00, 300, 100),
    (0.90, 0.92, 0.08, 1_000, 150),
    (0.03, 0.98, 0.02, 300, 150),
    (0.05, 0.93, 0.01, 300, 100),
    (1.00, 0.95, 0.05, 300, 100),
]


@pytest.mark.parametrize(("truth", "s", "f", "n", "labelled"), TRUTHS)
def test_each_bound_covers_the_truth(truth, s, f, n, labelled):
    rng, draws = np.random.default_rng(7), 1_500
    apparent = truth * s + (1 - truth) * f
    counts = [rng.binomial(*of, draws).tolist() for of in ((n, apparent), (labelled, s), (labelled, f))]
    inside = np.zeros(2)
    for k, hits, alarms in zip(*counts, strict=True):
        lower, upper = corrected_limits(k, n, judge(hits, labelled, alarms, labelled))
        inside += (lower <= truth + 1e-9, upper >= truth - 1e-9)
    assert (inside / draws >= FLOOR).all(), inside / draws


def test_ignoring_that_the_judge_is_uncertain_does_not_cover():
    """The plant: bounds of the replies alone, corrected by the judge's point values, fall well short."""
    truth, s, f, n, labelled, draws = 0.5, 0.9, 0.1, 1_000, 100, 2_000
    rng = np.random.default_rng(3)
    k = rng.binomial(n, truth * s + (1 - truth) * f, draws)
    hits, alarms = rng.binomial(labelled, s, draws) / labelled, rng.binomial(labelled, f, draws) / labelled
    lower = (clopper_pearson_limits(k, n)[0] - alarms) / (hits - alarms)
    assert (lower <= truth).mean() < 0.90


def test_with_a_judge_that_is_known_the_ratio_is_that_of_binomials():
    """With a judge that is known it is the interval of Katz et al. (1978) for a ratio of binomials, of many replies."""
    sure, n = judge(10**9, 10**9, 0, 10**9), 20_000
    lower, upper = ratio_limits(1_500, n, 1_000, n, sure)
    deviation = math.sqrt(1 / 1_500 - 1 / n + 1 / 1_000 - 1 / n)
    assert (math.log(lower / 1.5), math.log(upper / 1.5)) == pytest.approx(
        (-1.6449 * deviation, 1.6449 * deviation), rel=0.05
    )


def test_a_reference_of_which_nothing_is_shown_bounds_nothing():
    sure = judge(10**9, 10**9, 0, 10**9)
    assert ratio_limits(5, 1_000, 0, 1_000, sure)[1] == math.inf
    assert ratio_limits(0, 1_000, 50, 1_000, sure)[0] == 0 < ratio_limits(0, 1_000, 50, 1_000, sure)[1] < 0.1
    false = judge(100, 100, 20, 200)  # 10 % false alarms are as many as the reference's replies
    assert ratio_limits(150, 1_000, 100, 1_000, false)[1] == math.inf


RATIOS = [  # the two shares, sensitivity, false alarms, replies, labelled of either kind, how alike the replies are
    (0.15, 0.10, 0.95, 0.03, 1_000, 150, 0.0),
    (0.15, 0.10, 0.95, 0.03, 1_000, 150, 0.8),
    (0.20, 0.20, 1.00, 0.00, 1_000, 100, 0.5),
    (0.05, 0.15, 0.92, 0.05, 1_000, 150, 0.0),
    (0.40, 0.20, 0.98, 0.08, 300, 100, 0.3),
]


@pytest.mark.parametrize(("ours", "theirs", "s", "f", "n", "labelled", "alike"), RATIOS)
def test_each_bound_of_the_ratio_covers_the_truth(ours, theirs, s, f, n, labelled, alike):
    """Replies to one request are both unfit together as often as a shared uniform number makes them."""
    rng, draws, truth = np.random.default_rng(5), 1_000, ours / theirs
    below = above = 0
    for _ in range(draws):
        first, second = rng.random((2, n))
        second = np.where(rng.random(n) < alike, first, second)
        called = [rng.random(n) < np.where(place < share, s, f) for place, share in ((first, ours), (second, theirs))]
        found = judge(int(rng.binomial(labelled, s)), labelled, int(rng.binomial(labelled, f)), labelled)
        lower, upper = ratio_limits(int(called[0].sum()), n, int(called[1].sum()), n, found)
        below, above = below + (lower <= truth), above + (upper >= truth)
    assert min(below, above) / draws >= FLOOR
