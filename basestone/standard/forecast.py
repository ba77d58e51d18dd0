"""What n samples can decide about one criterion, by the kind of sampling behind it.

Where less is better a count is judged by its complement: at most 1 % failing is at least 99 % not failing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

from basestone.core.evidence import CONFIDENCE
from basestone.standard import proportion
from basestone.standard.clause import Criterion

Z = NormalDist().inv_cdf(CONFIDENCE)
QUANTILE = 0.99  # of latency
LARGEST_DEVIATION = 0.5  # of anything that lies between 0 and 1
COVERAGE = 0.8  # of selective risk
DETECTED = 0.85  # of what there is: the recall that is reckoned with, at its lower bound
DISCORDANT = 0.04  # share of samples on which just one of parent and child is right, as assumed


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The values and counts that decide, and how likely they are; None where that cannot be said.

    ``certain`` means that any value decides, whichever it turns out to be.
    """

    passes_from: float | None = None
    fails_to: float | None = None
    passes_count: int | None = None
    fails_count: int | None = None
    p_pass: float | None = None
    p_fail: float | None = None
    approximate: bool = False
    certain: bool = False

    def to_json(self, threshold: float | None) -> dict[str, Any]:
        """The forecast's part of a row of the plan."""
        chance = None if self.p_pass is None or self.p_fail is None else min(1.0, self.p_pass + self.p_fail)
        return {
            "passes_from": self.passes_from,
            "passes_count": self.passes_count,
            "fails_to": self.fails_to,
            "fails_count": self.fails_count,
            "margin": None if self.passes_from is None or threshold is None else abs(self.passes_from - threshold),
            "p_pass": self.p_pass,
            "p_fail": self.p_fail,
            "p_decide": 1.0 if self.certain else chance,
            "approximate": self.approximate,
        }


def forecast(
    criterion: Criterion, threshold: float, sizes: Sequence[int], expected: float | None, accuracy: float | None
) -> Forecast:
    """What ``sizes`` samples (two numbers for a difference of two groups) decide if the truth is ``expected``.

    ``accuracy`` is the accuracy that is reckoned with: the variance of a gap or of a calibration error follows from it;
    without it the largest possible variance is taken, as it always is for a mean over clusters.
    """
    match criterion.sampling:
        case "exact":
            return _exact(criterion, threshold, expected)
        case "proportion":
            return _counted(criterion, threshold, sizes[0], expected)
        case "screened":
            return _screened(criterion, threshold, sizes[0], expected)
        case "quantile":
            return _runs(threshold, sizes[0])
        case "difference" | "calibration":
            deviation = LARGEST_DEVIATION if accuracy is None else math.sqrt(accuracy * (1 - accuracy))
            return _normal(criterion, threshold, sizes, expected, deviation)
        case "errors":
            return _kept_errors(criterion, threshold, sizes[0], accuracy)
        case "paired":
            return _normal(criterion, threshold, sizes, expected, math.sqrt(DISCORDANT))
        case "clustered":
            return _normal(criterion, threshold, sizes, expected, LARGEST_DEVIATION)


def _exact(criterion: Criterion, threshold: float, expected: float | None) -> Forecast:
    """Everything is examined: any value decides."""
    decided = Forecast(passes_from=threshold, fails_to=threshold, certain=True)
    if expected is None:
        return decided
    passes = expected >= threshold if criterion.direction == "at_least" else expected <= threshold
    return replace(decided, p_pass=float(passes), p_fail=float(not passes))


def _counted(criterion: Criterion, threshold: float, n: int, expected: float | None) -> Forecast:
    mirrored = criterion.direction == "at_most"
    good = 1 - threshold if mirrored else threshold
    most, least = proportion.smallest_pass(n, good), proportion.largest_fail(n, good)
    passing, failing = _of_measure(most, n, mirrored), _of_measure(least, n, mirrored)
    chances: tuple[float | None, float | None] = (None, None)
    if expected is not None:
        chances = proportion.probability(n, 1 - expected if mirrored else expected, most, least)
    return Forecast(
        passes_from=None if passing is None else passing / n,
        fails_to=None if failing is None else failing / n,
        passes_count=passing,
        fails_count=failing,
        p_pass=chances[0],
        p_fail=chances[1],
    )


def _screened(criterion: Criterion, threshold: float, n: int, expected: float | None) -> Forecast:
    """Counts of what a detector flags, which may be fewer by what it is reckoned to miss."""
    mirrored = criterion.direction == "at_most"
    allowed = (threshold if mirrored else 1 - threshold) * DETECTED
    return replace(_counted(criterion, allowed if mirrored else 1 - allowed, n, expected), approximate=True)


def _kept_errors(criterion: Criterion, threshold: float, n: int, accuracy: float | None) -> Forecast:
    """Of the errors that such an accuracy makes, how many may be kept; nothing where no accuracy is reckoned with."""
    errors = None if accuracy is None else round(n * (1 - accuracy))
    if not errors:
        return Forecast()
    found = _counted(criterion, threshold * COVERAGE, errors, None)
    by_coverage = [None if bound is None else bound / COVERAGE for bound in (found.passes_from, found.fails_to)]
    return replace(found, passes_from=by_coverage[0], fails_to=by_coverage[1], approximate=True)


def _of_measure(good: int | None, n: int, mirrored: bool) -> int | None:
    """The count that the measure reports, which is that of the bad ones where less is better."""
    return n - good if mirrored and good is not None else good


def _runs(deadline: float, n: int) -> Forecast:
    """At most ``passes_count`` of the runs may exceed the deadline; from ``fails_count`` on the clause fails.

    The bound on a quantile is an order statistic, so it meets the deadline exactly when the share of runs within it is
    shown to be at least 99 %. How far below the deadline p99 must lie depends on the distribution, which is not known.
    """
    within, missing = proportion.smallest_pass(n, QUANTILE), proportion.largest_fail(n, QUANTILE)
    return Forecast(
        passes_from=None if within is None else deadline,
        passes_count=None if within is None else n - within,
        fails_count=None if missing is None else n - missing,
    )


def _normal(
    criterion: Criterion, threshold: float, sizes: Sequence[int], expected: float | None, deviation: float
) -> Forecast:
    error = deviation * math.sqrt(sum(1 / n for n in sizes))
    sign = 1 if criterion.direction == "at_least" else -1
    passing, failing = threshold + sign * Z * error, threshold - sign * Z * error
    if expected is None or error == 0:
        return Forecast(passes_from=passing, fails_to=failing, approximate=True)
    normal = NormalDist()
    return Forecast(
        passes_from=passing,
        fails_to=failing,
        p_pass=normal.cdf(sign * (expected - passing) / error),
        p_fail=normal.cdf(sign * (failing - expected) / error),
        approximate=True,
    )
