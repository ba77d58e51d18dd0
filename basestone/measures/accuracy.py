"""Top-1 accuracy on held-out samples, what it is worth over guessing, and its gap to the training set."""

from __future__ import annotations

from typing import Any

import numpy as np

from basestone.core.evidence import Interval, Measurement, Records
from basestone.measures.interval import clopper_pearson, newcombe
from basestone.measures.predictions import clean_predictions


def accuracy(records: Records) -> Measurement:
    """The share of test samples whose most probable class is the true one."""
    predictions = clean_predictions(records, "clean_test")
    right, n = int(predictions.correct.sum()), len(predictions)
    interval = clopper_pearson(right, n)
    return Measurement(
        measure="accuracy", value=right / n, unit="fraction", n=n, interval=interval, detail={"correct": right}
    )


def accuracy_over_baseline(records: Records) -> Measurement:
    """Accuracy minus that of always answering the test set's most frequent class; above 0 something was learnt.

    The baseline is a property of this test set, not an estimate: accuracy's bounds are shifted by it.
    """
    predictions = clean_predictions(records, "clean_test")
    measured = accuracy(records)
    baseline = float(np.bincount(predictions.label).max() / len(predictions))
    interval = Interval(
        lower=measured.interval.lower - baseline,
        upper=measured.interval.upper - baseline,
        method=f"{measured.interval.method}, shifted by the baseline",
    )
    return Measurement(
        measure="accuracy_over_baseline",
        value=measured.value - baseline,
        unit="fraction",
        n=measured.n,
        interval=interval,
        detail={"baseline": baseline, "accuracy": measured.value},
    )


def accuracy_gap(records: Records) -> Measurement:
    """Training accuracy minus test accuracy, from two independent samples (Newcombe 1998, square-and-add).

    Differs: standard.md names a two-sample bootstrap. Near 1, where training accuracy lies, its percentiles
    under-cover: when no training sample is wrong every draw has accuracy 1, as if that were certain.
    """
    train, test = clean_predictions(records, "clean_train"), clean_predictions(records, "clean_test")
    k1, n1, k2, n2 = int(train.correct.sum()), len(train), int(test.correct.sum()), len(test)
    return Measurement(
        measure="accuracy_gap",
        value=k1 / n1 - k2 / n2,
        unit="fraction",
        n=min(n1, n2),
        interval=newcombe(k1, n1, k2, n2),
        detail={"train_accuracy": k1 / n1, "test_accuracy": k2 / n2, "train_n": n1, "test_n": n2},
    )


def telling_samples(records: Records, count: int) -> list[dict[str, Any]]:
    """Up to ``count`` test samples worth looking at: half the surest mistakes, then the most doubtful hits.

    Each: index, label, prediction, confidence, correct.
    """
    predictions = clean_predictions(records, "clean_test")
    surest = np.argsort(-predictions.confidence, kind="stable")
    wrong, right = (surest[predictions.correct[surest] == kind] for kind in (False, True))
    mistakes = wrong[: max(count - count // 2, count - len(right))]
    chosen = [*mistakes, *right[::-1][: count - len(mistakes)]]
    return [
        {
            "index": int(predictions.index[i]),
            "label": int(predictions.label[i]),
            "prediction": int(predictions.prediction[i]),
            "confidence": float(predictions.confidence[i]),
            "correct": bool(predictions.correct[i]),
        }
        for i in chosen
    ]
