"""How many members an attack finds at a false positive rate of α, with bounds that hold although α is estimated too.

The threshold that gives exactly α is unknown: the held-out samples only show it. To choose it by them and then to
speak as if it were given would use them twice. So the 5 % that a bound may err are divided: 4 % for the threshold, 1 %
for the members. The number of N non-members above the true threshold is binomial(N, α), hence an order statistic of
their scores lies below it (or, for the other bound, above it) with probability 96 % (David & Nagaraja 2003, 7.1); the
members that score higher than this order statistic are a proportion of their own, bounded by Clopper and Pearson at
99 %. By Bonferroni both hold together in at least 95 %. The order statistic depends on non-members alone, so that the
members' bound is exact for any attack.

The held-out samples have to be drawn as the training samples were: an attack that tells two sources apart finds members
without the model (Das et al. 2024, arXiv:2406.16201). The models are taken as given.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE
from basestone.measures.interval import clopper_pearson_limits

Floats = NDArray[np.float64]
FOR_THRESHOLD = 0.8  # of what a bound may err


def non_members_needed(alpha: float) -> int:
    """Non-members with which at least one false positive at the rate α is 95 % sure: 299 at 1 %, 2,995 at 0.1 %."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-alpha))


def threshold_at(others: Floats, alpha: float) -> float:
    """The score that at most α of the non-members in the sample exceed."""
    return float(np.sort(others)[::-1][math.floor(alpha * len(others))])


def found_at(members: Floats, others: Floats, alpha: float) -> float:
    """The share of members above the threshold that at most α of the non-members in the sample exceed."""
    return float((members > threshold_at(others, alpha)).mean())


def upper_bound(members: Floats, others: Floats, alpha: float, error: float = 1 - CONFIDENCE) -> float:
    """No more of all members are found at α, except with probability ``error``."""
    from scipy.stats import binom

    above = int(binom.ppf(1 - error * FOR_THRESHOLD, len(others), alpha))  # P(count ≤ above) ≥ 1 − its share
    if above >= len(others):
        return 1.0
    low = np.sort(others)[::-1][above]
    return _limits(members, low, error)[1]


def lower_bound(members: Floats, others: Floats, alpha: float, error: float = 1 - CONFIDENCE) -> float:
    """At least so many of all members are found at α, except with probability ``error``; 0 where N is too small."""
    from scipy.stats import binom

    rank = int(binom.ppf(error * FOR_THRESHOLD, len(others), alpha))  # largest with P(count ≥ rank) ≥ 1 − its share
    if rank < 1:
        return 0.0
    high = np.sort(others)[::-1][rank - 1]
    return _limits(members, high, error)[0]


def curve(members: Floats, others: Floats, points: int = 60) -> tuple[list[float], list[float]]:
    """False and true positive rates at thresholds that are even on a logarithmic axis, for a chart."""
    descending = np.sort(others)[::-1]
    ranks = np.unique(np.round(np.geomspace(1, len(others), points)).astype(np.int64))
    found = [float((members >= descending[rank - 1]).mean()) for rank in ranks]
    return (ranks / len(others)).tolist(), found


def _limits(members: Floats, threshold: float, error: float) -> tuple[float, float]:
    count = int((members > threshold).sum())
    lower, upper = clopper_pearson_limits(count, len(members), 1 - error * (1 - FOR_THRESHOLD))
    return float(lower), float(upper)
