"""Two runs on the same test samples: what differs, beyond what chance explains.

Both models answered the same questions, so every difference is taken sample by sample and most of the noise cancels.
McNemar's test, exact form: among the samples where just one of the two is right, either is as likely under the null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import UsageError
from basestone.core.evidence import Interval, NotMeasured, Records, recorded_logits
from basestone.measures.bootstrap import cluster_bootstrap
from basestone.measures.interval import paired_difference
from basestone.measures.predictions import Predictions, clean_predictions
from basestone.measures.table import measure


def compare_predictions(first: Records, second: Records) -> dict[str, Any]:
    """The paired differences (second - first) of two audits, as JSON.

    ``accuracy``, ``loss`` (nats) and ``brier`` hold both values, their difference and its one-sided 95 % bounds;
    ``mcnemar`` the discordant counts and the exact two-sided p; ``calibration_error`` both values with their own
    bounds, as the two are not paired; ``n`` the samples. UsageError when the two were not audited on the same samples.
    """
    a, b = clean_predictions(first, "clean_test"), clean_predictions(second, "clean_test")
    order_a, order_b = _same_samples(a, b)
    right_a, right_b = a.correct[order_a], b.correct[order_b]
    rows = {"accuracy": _row(right_a, right_b, paired_difference(right_b, right_a))}
    for name, score in SCORES.items():
        score_a, score_b = score(first)[order_a], score(second)[order_b]
        rows[name] = _row(score_a, score_b, _bootstrapped(score_b - score_a))
    return {
        "n": len(a),
        **rows,
        "mcnemar": mcnemar(right_a, right_b),
        "calibration_error": {"first": _calibration(first), "second": _calibration(second)},
    }


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, float]:
    """Discordant counts of two paired 0/1 vectors and the exact two-sided p of their being equally likely."""
    from scipy.stats import binomtest

    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    discordant = only_first + only_second
    p = float(binomtest(only_second, discordant, 0.5).pvalue) if discordant else 1.0
    return {"only_first_right": only_first, "only_second_right": only_second, "p_value": p}


def brier(records: Records) -> NDArray[np.float64]:
    """Per test sample: the squared distance from its class probabilities to its true class, 0–2 (Brier 1950)."""
    table = records.table("clean_test")
    logits = recorded_logits(table).astype(np.float64)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probs = powers / powers.sum(1, keepdims=True)
    probs[np.arange(len(probs)), table["label"]] -= 1
    return np.square(probs).sum(1)


SCORES: dict[str, Callable[[Records], NDArray[np.float64]]] = {
    "loss": lambda records: records.table("clean_test")["loss"],
    "brier": brier,
}


def _same_samples(a: Predictions, b: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order_a, order_b = np.argsort(a.index), np.argsort(b.index)
    shared = len(np.intersect1d(a.index, b.index))
    if len(a) != len(b) or shared != len(a):
        raise UsageError(
            f"Two runs are compared on the same test samples; the first has {len(a)}, the second {len(b)}, {shared} in "
            "common. Audit both with the same data and the same samples.test."
        )
    differing = int((a.label[order_a] != b.label[order_b]).sum())
    if differing:
        raise UsageError(
            f"Two runs are compared on the same test samples; {differing} of {len(a)} have other labels in the second. "
            "Audit both on the same data."
        )
    return order_a, order_b


def _bootstrapped(difference: NDArray[np.float64]) -> Interval:
    n = len(difference)
    return cluster_bootstrap(lambda totals: totals[..., 0] / n, difference, np.arange(n))[1]


def _row(first: NDArray[Any], second: NDArray[Any], interval: Interval) -> dict[str, Any]:
    values = {"first": float(np.mean(first)), "second": float(np.mean(second))}
    bounds = {"lower": interval.lower, "upper": interval.upper, "method": interval.method}
    return {**values, "difference": values["second"] - values["first"], **bounds}


def _calibration(records: Records) -> dict[str, Any]:
    found = measure("calibration_error", records)
    if isinstance(found, NotMeasured):
        return {"value": None, "reason": found.reason}
    return {"value": found.value, "lower": found.interval.lower, "upper": found.interval.upper}
