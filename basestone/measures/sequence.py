"""Bounds that hold at every moment, so that a measurement may stop as soon as it has decided.

A fixed-n bound that is looked at after every batch errs far more often than its 5 %. Here a gambler bets against the
claim "the ratio of means is r": their capital is a nonnegative supermartingale when the claim holds, so that it ever
reaches 1/α with probability at most α (Ville 1939), whenever and for whatever reason one stops. The bound is the r from
which on the bets do not win. The capital is spread over ``BETS`` shares that are staked throughout, and so depends on
what was seen alone, not on the order: records in any order give the same bound.

Sources: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSSB 86 (2024), 1-27, here
with a fixed mixture of bets, for numerator - r × denominator in place of value - mean.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.evidence import CONFIDENCE, Interval
from basestone.measures.bootstrap import MIN_CLUSTERS

LOOK = 64  # samples between two looks: a batch that is full enough
BETS = np.geomspace(0.002, 0.98, 24)  # shares of what could be lost at most that are staked
_HALVINGS = 30
_WIDEST = 1e6  # beyond it an upper bound is none


@dataclass(frozen=True)
class _Seen:
    """Pairs of numerator and denominator, each once, and how often: few differ, and bets need no more."""

    above: NDArray[np.float64]
    below: NDArray[np.float64]
    counts: NDArray[Any]

    @classmethod
    def of(cls, numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> _Seen:
        """From N values of each."""
        # complex numbers, as rows of an array take ten times as long to sort
        pairs, counts = np.unique(numerator + 1j * denominator, return_counts=True)
        return cls(pairs.real, pairs.imag, counts)

    @property
    def ratio(self) -> float:
        return float(self.counts @ self.above / (self.counts @ self.below))

    def shows_more_than(self, limit: float, among: int = 1) -> bool:
        """Whether bets against "the ratio is at most ``limit``" have won, as one of ``among`` such claims must."""
        return limit <= 0 or self._wins(self.above / limit - self.below, among)

    def shows_less_than(self, limit: float, among: int = 1) -> bool:
        """Whether bets against "the ratio is at least ``limit``" have won."""
        return self._wins(limit * self.below - self.above, among)

    def _wins(self, gains: NDArray[np.float64], among: int) -> bool:
        """Whether the capital, 1 at first, has reached its goal; no gain is below −1, all that a share can lose."""
        logs = np.log1p(np.outer(BETS, gains)) @ self.counts
        return float(np.logaddexp.reduce(logs)) >= math.log(len(BETS) * among / (1 - CONFIDENCE))


def ratio_sequence(numerator: ArrayLike, denominator: ArrayLike) -> Interval:
    """Bounds of mean(numerator) / mean(denominator), N paired values in 0–1, that hold at every look."""
    return least_ratio_sequence(np.asarray(numerator, np.float64)[:, None], denominator)


def least_ratio_sequence(numerators: ArrayLike, denominator: ArrayLike) -> Interval:
    """Bounds of the least of T ratios (N×T to N): each type's own below, all types' together (Bonferroni) above.

    The lower bound exceeds the least ratio only if that of the truly least type does (intersection-union).
    """
    above, below = np.asarray(numerators, np.float64), np.asarray(denominator, np.float64)
    seen = [_Seen.of(column, below) for column in above.T]
    return Interval(
        lower=min(map(_lower, seen)),
        upper=min(_upper(one, len(seen)) for one in seen),
        method=f"betting on {len(below)} samples, holds at every look",
        decidable=len(below) >= MIN_CLUSTERS,
    )


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When enough was seen: of ratios that must be at least so large in the mean, and for the worst type.

    None: that is not asked. ``least``: no fewer samples than these decide.
    """

    mean: float | None = None
    worst: float | None = None
    least: int = MIN_CLUSTERS

    def reached(self, numerators: ArrayLike, denominator: ArrayLike) -> bool:
        """Whether N×T ``numerators`` over N ``denominator`` show every demand met, or one of them missed."""
        above, below = np.asarray(numerators, np.float64), np.asarray(denominator, np.float64)
        if len(below) < self.least or not below.any():
            return False
        asked = [(self.mean, above.mean(1, keepdims=True)), (self.worst, above)]
        seen = [(limit, [_Seen.of(one, below) for one in table.T]) for limit, table in asked if limit is not None]
        met = all(one.shows_more_than(limit) for limit, types in seen for one in types)
        return met or any(one.shows_less_than(limit, len(types)) for limit, types in seen for one in types)


def expected_samples(rate: float, limit: float) -> int | None:
    """After how many samples, a ``rate`` of them good, the bets decide about ``limit``; None: not after a billion.

    Along the path on which every beginning holds its share; real ones, which wander, need fewer in the mean.
    """

    def decided(n: int) -> bool:
        seen = _Seen(np.array([1.0, 0.0]), np.ones(2), n * np.array([rate, 1 - rate]))
        return seen.shows_more_than(limit) if rate > limit else seen.shows_less_than(limit)

    exponent = next((power for power in range(31) if decided(2**power)), None)
    return None if exponent is None else bisect_left(range(2**exponent), True, key=decided)


def _lower(seen: _Seen) -> float:
    """The largest ratio against which the bets have won; they win the more, the smaller it is."""
    low, high = 0.0, seen.ratio
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle > 0 and seen.shows_more_than(middle) else (low, middle)
    return low


def _upper(seen: _Seen, among: int) -> float:
    """The smallest ratio against which the bets have won; infinite where none does."""
    low, high = seen.ratio, max(2 * seen.ratio, 1.0)
    while not seen.shows_less_than(high, among):
        low, high = high, 2 * high
        if high > _WIDEST:
            return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if seen.shows_less_than(middle, among) else (middle, high)
    return high
