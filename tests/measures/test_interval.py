import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from basestone.core.evidence import CONFIDENCE
from basestone.measures.interval import (
    clopper_pearson,
    clopper_pearson_limits,
    exact,
    newcombe,
    newcombe_limits,
    order_statistic_quantile,
    paired_difference,
    paired_limits,
    wilson,
)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (7, 10), (10, 10), (285, 300), (999, 1000)])
@pytest.mark.parametrize(("ours", "theirs"), [(clopper_pearson, "exact"), (wilson, "wilson")])
def test_each_bound_is_one_sided_and_equals_scipy(k, n, ours, theirs):
    found = ours(k, n)
    # scipy's two-sided 90 % interval is made of two one-sided 95 % bounds
    reference = binomtest(k, n).proportion_ci(confidence_level=2 * CONFIDENCE - 1, method=theirs)
    assert found.lower == pytest.approx(reference.low, abs=1e-12)
    assert found.upper == pytest.approx(reference.high, abs=1e-12)


def test_clopper_pearson_by_hand():
    # all of n right: lower^n = 0.05, so 59 of 59 gives 0.05^(1/59) = 0.9505
    assert clopper_pearson(59, 59).lower == pytest.approx(0.05 ** (1 / 59), abs=1e-12)
    assert clopper_pearson(59, 59).lower >= 0.95 > clopper_pearson(58, 58).lower
    assert clopper_pearson(59, 59).upper == 1.0


def test_the_indifference_zone_of_the_standard():
    # standard.md, section 1: n = 300 passes 95 % at >= 292 and fails at <= 278; n = 1000 passes at >= 962
    assert clopper_pearson(292, 300).lower >= 0.95 > clopper_pearson(291, 300).lower
    assert clopper_pearson(278, 300).upper < 0.95 <= clopper_pearson(279, 300).upper
    assert clopper_pearson(962, 1000).lower >= 0.95 > clopper_pearson(961, 1000).lower


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090), ((10, 10, 0, 20), 0.6791, 1.0)],
)
def test_newcombe_reproduces_the_papers_table(counts, lower, upper):
    # Newcombe 1998a, table II, method 10: two-sided 95 % is one-sided 97.5 %
    low, high = newcombe_limits(*counts, confidence=0.975, limits="wilson")
    assert float(low) == pytest.approx(lower, abs=5e-5)
    assert float(high) == pytest.approx(upper, abs=5e-5)


def test_newcombe_for_verdicts_is_wider_than_the_papers_and_antisymmetric():
    found, mirrored = newcombe(995, 1000, 97, 100), newcombe(97, 100, 995, 1000)
    low, high = newcombe_limits(995, 1000, 97, 100, limits="wilson")
    assert found.lower < float(low)
    assert found.upper > float(high)
    assert (found.lower, found.upper) == pytest.approx((-mirrored.upper, -mirrored.lower))


@pytest.mark.parametrize(
    ("counts", "lower", "upper"), [((36, 12, 2, 0), 0.0569, 0.3404), ((20, 12, 2, 16), 0.0562, 0.3292)]
)
def test_paired_reproduces_newcombes_method_10(counts, lower, upper):
    # Newcombe 1998b, illustrative data sets: counts are both, only first, only second, neither
    low, high = paired_limits(*counts, confidence=0.975)
    assert float(low) == pytest.approx(lower, abs=5e-5)
    assert float(high) == pytest.approx(upper, abs=5e-5)


def test_pairing_sharpens_a_difference():
    rng = np.random.default_rng(0)
    first = rng.random(2_000) < 0.9
    second = np.where(rng.random(2_000) < 0.02, ~first, first)
    paired = paired_difference(first, second)
    apart = newcombe(int(first.sum()), 2_000, int(second.sum()), 2_000)
    assert paired.upper - paired.lower < 0.6 * (apart.upper - apart.lower)
    assert paired.lower < first.mean() - second.mean() < paired.upper


def test_identical_pairs_differ_by_nothing_within_a_rule_of_three():
    found = paired_difference([1] * 100, [1] * 100)
    assert found.lower < 0 < found.upper < 0.05


def test_p99_needs_299_runs():
    samples = np.arange(299.0)
    value, found = order_statistic_quantile(samples, 0.99)
    assert found.upper == samples.max()
    assert found.decidable
    assert value == 296.0  # the 297th of 299: the smallest rank of at least 0.99 * 299 = 296.01
    _, short = order_statistic_quantile(samples[:298], 0.99)
    assert short.upper == math.inf
    assert not short.decidable


@pytest.mark.parametrize("n", [299, 459, 1000, 5000])
def test_the_ranks_are_the_tightest_that_the_binomial_allows(n):
    _, found = order_statistic_quantile(np.arange(1, n + 1), 0.99)  # a bound is then its own rank
    above, below = int(found.upper), int(found.lower)
    assert binom.cdf(above - 1, n, 0.99) >= CONFIDENCE > binom.cdf(above - 2, n, 0.99)
    assert binom.sf(below - 1, n, 0.99) >= CONFIDENCE > binom.sf(below, n, 0.99)


def test_a_census_has_no_sampling_error():
    assert (exact(0.25).lower, exact(0.25).upper, exact(0.25).method) == (0.25, 0.25, "exact")


def test_limits_work_on_arrays():
    lower, upper = clopper_pearson_limits([[0, 5, 10]], 10)
    assert lower.shape == upper.shape == (1, 3)
    assert lower[0, 0] == 0.0
    assert upper[0, 2] == 1.0
    assert lower[0, 1] == pytest.approx(1 - upper[0, 1])


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ValueError, match=f"0 <= k <= n; got k = {k}, n = {n}"):
        clopper_pearson(k, n)


def test_unpaired_vectors_are_refused():
    with pytest.raises(ValueError, match=r"equally long and not empty; got shapes \(2,\) and \(3,\)"):
        paired_difference([0, 1], [0, 1, 1])


def test_a_quantile_of_nonsense_is_refused():
    with pytest.raises(ValueError, match="needs finite samples"):
        order_statistic_quantile([1.0, math.nan], 0.99)


def test_wilson_solves_its_defining_equation():
    p, n = wilson(40, 50).lower, 50
    assert (0.8 - p) / math.sqrt(p * (1 - p) / n) == pytest.approx(norm.ppf(CONFIDENCE))
