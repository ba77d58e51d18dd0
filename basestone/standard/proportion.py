"""Counts out of n: which counts decide against a threshold, and how large n must be.

Clopper & Pearson 1934, Biometrika 26(4): with k of n successes the lower bound is at least t exactly when
P(X ≥ k; n, t) ≤ 0.05, the upper one below t exactly when P(X ≤ k; n, t) < 0.05. scipy is imported when first needed.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE

ALPHA = 1 - CONFIDENCE
LARGEST_N = 100_000_000  # beyond it a search says None: nobody will collect that many samples


def lower_bound(successes: Any, n: Any) -> NDArray[np.float64]:
    """The one-sided Clopper–Pearson lower bound of ``successes`` out of ``n`` (arrays or numbers, real k allowed)."""
    k, size = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    return np.where(k > 0, _beta_quantile(ALPHA, np.maximum(k, 1e-300), size - k + 1), 0.0)


def upper_bound(successes: Any, n: Any) -> NDArray[np.float64]:
    """The one-sided Clopper–Pearson upper bound; the mirror image of ``lower_bound``."""
    return 1 - lower_bound(np.asarray(n) - np.asarray(successes), n)


def smallest_pass(n: int, threshold: float) -> int | None:
    """The fewest successes out of ``n`` whose lower bound is at least ``threshold``; None when not even n do."""
    counts = np.arange(n + 1)
    passing = np.flatnonzero(lower_bound(counts, n) >= threshold)
    return int(passing[0]) if passing.size else None


def largest_fail(n: int, threshold: float) -> int | None:
    """The most successes out of ``n`` whose upper bound is below ``threshold``; None when not even 0 are."""
    counts = np.arange(n + 1)
    failing = np.flatnonzero(upper_bound(counts, n) < threshold)
    return int(failing[-1]) if failing.size else None


def needed_n(rate: float, threshold: float, more_than: int) -> int | None:
    """The smallest n > ``more_than`` that decides when samples keep succeeding at ``rate``; None when none does.

    The count is rounded against the decision (down where it would pass, up where it would fail), so that the answer
    is never too small for the rate.
    """
    if rate == threshold:
        return None
    if (
        rate < threshold
    ):  # failing at ``rate`` is passing for the failures, strictly; mirrored so that one search serves
        rate, threshold = 1 - rate, 1 - threshold
    first = _real_valued_crossing(rate, threshold, more_than + 1)
    while first is not None and first <= LARGEST_N:
        sizes = np.arange(first, first + 4096)
        decided = lower_bound(np.floor(rate * sizes + 1e-9), sizes) >= threshold
        if decided.any():
            return int(sizes[np.argmax(decided)])
        first += 4096
    return None


def probability(n: int, rate: float, at_least: int | None, at_most: int | None) -> tuple[float, float]:
    """P(X ≥ ``at_least``) and P(X ≤ ``at_most``) for X binomial (n, rate); None is an event that cannot happen."""
    from scipy.stats import binom  # pyright: ignore[reportMissingTypeStubs]

    distribution: Any = cast("Any", binom)
    upper = 0.0 if at_least is None else float(distribution.sf(at_least - 1, n, rate))
    return upper, 0.0 if at_most is None else float(distribution.cdf(at_most, n, rate))


def _real_valued_crossing(rate: float, threshold: float, start: int) -> int | None:
    """The smallest n ≥ ``start`` that decides if counts need not be whole: a floor for the search among whole ones."""
    low, high = start - 1, start
    while float(lower_bound(rate * high, high)) < threshold:
        low, high = high, high * 2
        if low > LARGEST_N:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        decides = float(lower_bound(rate * middle, middle)) >= threshold
        low, high = (low, middle) if decides else (middle, high)
    return high


def _beta_quantile(q: float, a: Any, b: Any) -> Any:
    from scipy.special import betaincinv  # pyright: ignore[reportMissingTypeStubs]

    return cast("Any", betaincinv)(a, b, q)
