"""The verdict rule: truth tables, laws, and the numbers that standard.md states."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from basestone.core.evidence import Interval, Measurement
from basestone.standard import proportion
from basestone.standard.rule import decide, invalid, needed_n


def interval(lower, upper, **kw):
    return Interval(lower=lower, upper=upper, method="test", **kw)


def measured(value, lower, upper, n=100, unit="fraction", **kw):
    return Measurement(measure="m", value=value, unit=unit, n=n, interval=interval(lower, upper, **kw))


def counted(k, n):
    """k of n with scipy's own Clopper-Pearson: two-sided 90 % is two one-sided 95 %."""
    bounds = binomtest(k, n).proportion_ci(0.90, "exact")
    return measured(k / n, bounds.low, bounds.high, n=n)


def binomial_tail(k, n, p):
    """P(X >= k) in exact rational arithmetic, independent of every library's beta function."""
    p = Fraction(p)
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


@pytest.mark.parametrize(
    ("lower", "upper", "at_least", "strictly_more", "at_most", "strictly_less"),
    [
        (0.6, 0.7, "pass", "pass", "fail", "fail"),
        (0.5, 0.6, "pass", "inconclusive", "inconclusive", "fail"),  # the lower bound is the threshold
        (0.4, 0.6, "inconclusive", "inconclusive", "inconclusive", "inconclusive"),
        (0.4, 0.5, "inconclusive", "fail", "pass", "inconclusive"),  # the upper bound is the threshold
        (0.3, 0.4, "fail", "fail", "pass", "pass"),
        (0.5, 0.5, "pass", "fail", "pass", "fail"),  # exact and equal
    ],
)
def test_truth_table_against_one_half(lower, upper, at_least, strictly_more, at_most, strictly_less):
    bounds = interval(lower, upper)
    assert decide(bounds, 0.5, "at_least") == at_least
    assert decide(bounds, 0.5, "at_least", strict=True) == strictly_more
    assert decide(bounds, 0.5, "at_most") == at_most
    assert decide(bounds, 0.5, "at_most", strict=True) == strictly_less


@pytest.mark.parametrize("direction", ["at_least", "at_most"])
def test_undecidable_data_can_fail_but_never_pass(direction):
    better, worse = ((0.6, 0.7), (0.1, 0.2)) if direction == "at_least" else ((0.1, 0.2), (0.6, 0.7))
    assert decide(interval(*better, decidable=False), 0.5, direction) == "inconclusive"
    assert decide(interval(*worse, decidable=False), 0.5, direction) == "fail"


number = st.floats(-10, 10).map(lambda x: round(x, 2))


@given(number, number, number, st.booleans(), st.booleans())
def test_negating_everything_flips_the_direction(a, b, threshold, strict, decidable):
    lower, upper = min(a, b), max(a, b)
    straight = decide(interval(lower, upper, decidable=decidable), threshold, "at_least", strict=strict)
    mirrored = decide(interval(-upper, -lower, decidable=decidable), -threshold, "at_most", strict=strict)
    assert straight == mirrored


@given(number, number, number, st.floats(0, 5), st.booleans())
def test_raising_the_lower_bound_never_loses_a_pass(a, b, threshold, rise, strict):
    lower, upper = min(a, b), max(a, b)
    if decide(interval(lower, upper), threshold, "at_least", strict=strict) == "pass":
        assert decide(interval(lower + rise, upper + rise), threshold, "at_least", strict=strict) == "pass"
        assert decide(interval(min(lower + rise, upper), upper), threshold, "at_least", strict=strict) == "pass"


@given(number, number, number)
def test_lowering_the_upper_bound_never_loses_a_fail(a, b, threshold):
    lower, upper = min(a, b), max(a, b)
    if decide(interval(lower, upper), threshold, "at_least") == "fail":
        assert decide(interval(lower - 1, upper - 1), threshold, "at_least") == "fail"


def test_the_indifference_zones_of_the_standard():
    # standard.md: n = 300 passes at >= 292 and fails at <= 278; n = 1000 passes at >= 962. 285/300 decides nothing.
    assert decide(counted(292, 300).interval, 0.95, "at_least") == "pass"
    assert decide(counted(291, 300).interval, 0.95, "at_least") == "inconclusive"
    assert decide(counted(285, 300).interval, 0.95, "at_least") == "inconclusive"
    assert decide(counted(279, 300).interval, 0.95, "at_least") == "inconclusive"
    assert decide(counted(278, 300).interval, 0.95, "at_least") == "fail"
    assert (proportion.smallest_pass(300, 0.95), proportion.largest_fail(300, 0.95)) == (292, 278)
    assert proportion.smallest_pass(1000, 0.95) == 962


@pytest.mark.parametrize(("n", "threshold"), [(300, "0.95"), (1000, "0.95"), (360, "0.9"), (299, "0.99"), (59, "0.95")])
def test_deciding_counts_in_rational_arithmetic(n, threshold):
    # k passes iff P(X >= k; n, t) <= 0.05; k fails iff P(X <= k; n, t) < 0.05, that is P(X >= k + 1) > 0.95.
    passes, fails = proportion.smallest_pass(n, float(threshold)), proportion.largest_fail(n, float(threshold))
    alpha = Fraction("0.05")
    assert binomial_tail(passes, n, threshold) <= alpha < binomial_tail(passes - 1, n, threshold)
    assert binomial_tail(fails + 1, n, threshold) > 1 - alpha >= binomial_tail(fails + 2, n, threshold)


def test_bounds_agree_with_scipy():
    for k, n in [(0, 10), (3, 10), (10, 10), (332, 360)]:
        bounds = binomtest(k, n).proportion_ci(0.90, "exact")
        assert float(proportion.lower_bound(k, n)) == pytest.approx(bounds.low, abs=1e-12)
        assert float(proportion.upper_bound(k, n)) == pytest.approx(bounds.high, abs=1e-12)


def test_p99_needs_299_runs_and_fifty_nine_show_ninety_five():
    assert proportion.smallest_pass(298, 0.99) is None  # 0.99^298 = 0.0500... > 0.05
    assert proportion.smallest_pass(299, 0.99) == 299  # 0.99^299 = 0.0495
    assert proportion.smallest_pass(58, 0.95) is None
    assert proportion.smallest_pass(59, 0.95) == 59  # 0.95^59 = 0.0485


@pytest.mark.parametrize(("k", "n", "threshold"), [(285, 300, 0.93), (28, 30, 0.9), (27, 30, 0.95), (9, 10, 0.5)])
def test_needed_n_of_a_proportion_is_the_first_that_decides(k, n, threshold):
    rate = k / n
    found = proportion.needed_n(rate, threshold, n)

    def decides(size):
        if rate > threshold:
            count = math.floor(rate * size + 1e-9)
            return binomtest(count, size).proportion_ci(0.90, "exact").low >= threshold
        count = math.ceil(rate * size - 1e-9)
        return binomtest(count, size).proportion_ci(0.90, "exact").high <= threshold

    assert found == next(size for size in range(n + 1, 5000) if decides(size))


def test_needed_n_is_exact_for_counts_and_scaled_otherwise():
    exact = needed_n(counted(285, 300), 0.94)
    assert exact.exact and exact.n == proportion.needed_n(0.95, 0.94, 300)
    # By hand: half-width 0.04 at n = 100, distance 0.02: four times the samples.
    scaled = needed_n(measured(0.52, 0.48, 0.56), 0.50)
    assert (scaled.n, scaled.exact) == (400, False)
    below = needed_n(measured(0.48, 0.44, 0.51), 0.50)  # the upper half-width counts: (0.03/0.02)^2 * 100
    assert below.n in (225, 226)


@pytest.mark.parametrize(
    "found", [measured(0.5, 0.4, 0.6), counted(50, 100), measured(0.52, 0.48, 0.56, decidable=False)]
)
def test_no_n_decides_at_the_threshold_or_without_variance(found):
    assert needed_n(found, 0.5).n is None


def test_needed_n_gives_up_on_an_unbounded_interval():
    assert needed_n(measured(0.11, -math.inf, 0.2, unit="s"), 0.1).n is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (measured(math.nan, 0, 1), "not a number"),
        (measured(math.inf, 0, 1), "not a number"),
        (measured(0.5, math.nan, 1), "not a number"),
        (measured(0.5, 0.6, 0.4), "its lower bound is above its upper bound"),
        (measured(0.5, 0.4, 0.6, confidence=0.9), "its bounds hold with 0.9 confidence where 0.95 is required"),
        (measured(50, 40, 60, unit="ms"), "it was measured in 'ms' and the clause asks for 'fraction'"),
    ],
)
def test_what_cannot_be_judged_is_said(found, words):
    why = invalid(found, "fraction")
    assert why and words in why.en and why.zh


def test_a_fraction_may_be_measured_in_the_unit_one():
    assert invalid(measured(0.5, 0.4, 0.6, unit="1"), "fraction") is None
    assert invalid(measured(0.5, 0.4, math.inf, unit="s"), "s") is None
