"""Whether a compressed model still is the model it was made from, on the same samples: paired non-inferiority.

p11, p10, p01, p00: shares of samples that both, only the child, only the parent, or neither classifies rightly. The
ratio of accuracies φ = (p11 + p10) / (p11 + p01) is bounded by the score test of Nam & Blackwelder 2002, Statistics in
Medicine 21(5), 689–699: its variance is taken under the hypothesis that is tested, so that two models which agree on
every sample have a bound too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.predictions import clean_predictions

METHOD = "paired score (Nam & Blackwelder)"


def quality_retention(records: Records) -> Measurement:
    """The child's test accuracy divided by its parent's, on the very same test samples."""
    child, parent = clean_predictions(records, "clean_test"), clean_predictions(records, "parent_test")
    if not np.array_equal(child.index, parent.index) or not np.array_equal(child.label, parent.label):
        raise RecordsMissing(
            f"parent and child must be recorded on the same samples; got {len(parent)} and {len(child)} that differ"
        )
    a, b = child.correct, parent.correct
    counts = paired_counts(a, b)
    if not counts[0] + counts[2]:
        raise RecordsMissing("the parent classifies no sample rightly, so that there is nothing to retain")
    value, interval = retention_interval(*counts, len(child))
    detail = {
        "child_accuracy": float(a.mean()),
        "parent_accuracy": float(b.mean()),
        "only_child_right": counts[1],
        "only_parent_right": counts[2],
        "same_prediction": float(np.mean(child.prediction == parent.prediction)),
    }
    return Measurement(
        measure="quality_retention", value=value, unit="fraction", n=len(child), interval=interval, detail=detail
    )


def paired_counts(child: NDArray[np.bool_], parent: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Samples that both have right, only the child, only the parent; from two vectors of what is right."""
    return int((child & parent).sum()), int((child & ~parent).sum()), int((~child & parent).sum())


def retention_interval(
    both: int, only_child: int, only_parent: int, n: int, confidence: float = CONFIDENCE
) -> tuple[float, Interval]:
    """φ and its one-sided score bounds, 95 % each, from the counts; the parent must be right at least once."""
    from statistics import NormalDist

    from scipy.optimize import root_scalar

    z = NormalDist().inv_cdf(confidence)
    value = (both + only_child) / (both + only_parent)

    def excess(ratio: float, side: int) -> float:
        return side * score(ratio, both, only_child, only_parent, n) - z

    def bound(side: int) -> float:
        """The ratio whose statistic is ``side`` · z, searched away from the estimate until it is bracketed."""
        edge = start = max(value, 1e-9 / n)
        for _ in range(400):
            edge = edge / 1.2 if side > 0 else edge * 1.2
            if excess(edge, side) >= 0:
                return root_scalar(excess, args=(side,), bracket=(edge, start)).root
        return 0.0 if side > 0 else math.inf

    lower = bound(1) if value > 0 else 0.0
    return value, Interval(lower=lower, upper=bound(-1), method=METHOD, confidence=confidence)


def score(ratio: float, both: int, only_child: int, only_parent: int, n: int) -> float:
    """The score statistic of the hypothesis φ = ``ratio``: positive where the child is better than that.

    (child − ratio · parent) / √(n · ratio · (p10 + p01)), with p10 and p01 their maximum-likelihood estimates under the
    hypothesis: p01 is the larger root of a quadratic, as p00 keeps its observed share.
    """
    right = both + only_child + only_parent
    a = n * (1 + ratio)
    b = (both + only_parent) * ratio**2 - (both + only_child + 2 * only_parent)
    c = only_parent * (1 - ratio) * right / n
    p01 = (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    p11 = (right / n - (1 + ratio) * p01) / ratio
    p10 = max((ratio - 1) * p11 + ratio * p01, 0.0)
    difference = both + only_child - ratio * (both + only_parent)
    variance = n * ratio * (p10 + p01)
    if variance <= 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / math.sqrt(variance)
