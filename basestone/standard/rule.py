"""The verdict rule: one number's one-sided 95 % bounds against one threshold.

With bounds L and U and threshold t, where more is better: pass iff L ≥ t, fail iff U < t, else inconclusive. A point
value alone never passes: 285 of 300 is 95 %, yet its lower bound is 0.924. Where less is better everything is mirrored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from basestone.core.evidence import CONFIDENCE, Interval, Measurement
from basestone.standard import proportion
from basestone.standard.clause import DIMENSIONLESS, Direction, Words

Verdict = Literal["pass", "fail", "inconclusive", "not_applicable", "error", "waived"]
Decision = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Needed:
    """The n that would decide if the value stays what it is; None when none would. ``exact`` is false for a √n law."""

    n: int | None
    exact: bool


def decide(interval: Interval, threshold: float, direction: Direction, *, strict: bool = False) -> Decision:
    """The rule itself. ``strict`` asks for more than the threshold: L > t passes and U ≤ t fails."""
    lower, upper, limit = interval.lower, interval.upper, threshold
    if direction == "at_most":
        lower, upper, limit = -upper, -lower, -limit
    if lower > limit or (lower == limit and not strict):
        return "pass" if interval.decidable else "inconclusive"
    return "fail" if upper < limit or (upper == limit and strict) else "inconclusive"


def invalid(measurement: Measurement, unit: str) -> Words | None:
    """Why a measurement cannot be judged at all, or None. Such a clause is an error, never a verdict."""
    interval = measurement.interval
    if not math.isfinite(measurement.value) or math.isnan(interval.lower) or math.isnan(interval.upper):
        return Words(en="its value or a bound is not a number", zh="其数值或界限不是有效数字")
    if interval.lower > interval.upper:
        return Words(en="its lower bound is above its upper bound", zh="其下界大于上界")
    if interval.confidence < CONFIDENCE:
        return Words(
            en=f"its bounds hold with {interval.confidence:g} confidence where {CONFIDENCE:g} is required",
            zh=f"其界限的置信度为 {interval.confidence:g}，而要求为 {CONFIDENCE:g}",
        )
    if measurement.unit != unit and not {measurement.unit, unit} <= set(DIMENSIONLESS):
        return Words(
            en=f"it was measured in '{measurement.unit}' and the clause asks for '{unit}'",
            zh=f"其计量单位为“{measurement.unit}”，而条款要求“{unit}”",
        )
    return None


def needed_n(measurement: Measurement, threshold: float) -> Needed:
    """How many samples would decide. Exact where the bounds are those of k out of n, else by the √n law.

    The rule needs no direction: samples enough to put the nearer bound on the value's own side of the threshold
    decide either way.
    """
    value, interval, n = measurement.value, measurement.interval, measurement.n
    if value == threshold or not interval.decidable:
        return Needed(n=None, exact=False)
    if _is_proportion(measurement) and 0 <= threshold <= 1:
        return Needed(n=proportion.needed_n(value, threshold, n), exact=True)
    reach = value - interval.lower if value > threshold else interval.upper - value
    if not 0 < reach < math.inf:
        return Needed(n=None, exact=False)
    return Needed(n=max(n + 1, math.ceil(n * (reach / abs(value - threshold)) ** 2)), exact=False)


def _is_proportion(measurement: Measurement) -> bool:
    """Whether the bounds are the Clopper–Pearson ones of the value, recomputed rather than believed."""
    if not 0 <= measurement.value <= 1:
        return False
    count = round(measurement.value * measurement.n)
    bounds = proportion.lower_bound(count, measurement.n), proportion.upper_bound(count, measurement.n)
    stated = measurement.interval.lower, measurement.interval.upper
    return all(math.isclose(ours, theirs, abs_tol=1e-9) for ours, theirs in zip(bounds, stated, strict=True))
