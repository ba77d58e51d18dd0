"""Does the model serve every group alike? Accuracy by group, and the largest gap between two of them.

A group is a value of a column that travels with the samples (speaker, accent …). The largest of many estimated gaps is
biased upwards, so it is not bounded by itself: the claim "no gap exceeds the limit" holds when each pair's own upper
bound does (intersection-union, Berger 1982, no correction), and "some gap exceeds it" needs lower bounds that hold for
all pairs at once (Bonferroni). Each pair is two independent proportions (Newcombe 1998, square-and-add).
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson, newcombe_limits
from basestone.measures.predictions import clean_predictions

FEWEST = 30  # samples of a group, below which a gap cannot be shown to be small
_OWN = ("index", "label", "prediction", "confidence", "loss")


def group_accuracy_gap(records: Records) -> Measurement:
    """The largest difference in accuracy between two values of one group column, over all columns."""
    by_group = group_accuracies(records)
    pairs = [(name, better, worse) for name, groups in by_group.items() for better, worse in permutations(groups, 2)]
    if not pairs:
        raise RecordsMissing("a gap needs a group column with two values or more in the test split; there is none")
    counts = np.array([[*by_group[name][better], *by_group[name][worse]] for name, better, worse in pairs])
    gaps = counts[:, 0] / counts[:, 1] - counts[:, 2] / counts[:, 3]
    widest = int(gaps.argmax())
    return Measurement(
        measure="group_accuracy_gap",
        value=float(gaps[widest]),
        unit="fraction",
        n=int(counts[:, [1, 3]].min()),
        interval=_bounds(counts),
        detail={"widest": list(pairs[widest]), "groups": _told(by_group)},
    )


def group_accuracies(records: Records) -> dict[str, dict[str, tuple[int, int]]]:
    """Group column → value → (right, all) of the test samples, in the order of the records' columns."""
    correct = clean_predictions(records, "clean_test").correct
    columns = records.table("clean_test")
    names = [name for name in columns if name not in _OWN and not name.startswith("logit_")]
    return {name: _counted(columns[name].astype(str), correct) for name in names}


def _counted(values: NDArray[np.str_], correct: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
    return {
        value: (int(correct[values == value].sum()), int((values == value).sum()))
        for value in np.unique(values).tolist()
    }


def _bounds(counts: NDArray[np.int64]) -> Interval:
    """``counts``: a row for each ordered pair, right and all of the one, right and all of the other."""
    _, above = newcombe_limits(*counts.T)
    below, _ = newcombe_limits(*counts.T, confidence=1 - (1 - CONFIDENCE) / len(counts))
    return Interval(
        lower=max(0.0, float(below.max())),
        upper=float(above.max()),
        method=f"newcombe over {len(counts)} ordered pairs: each above, Bonferroni below",
        decidable=bool(counts[:, [1, 3]].min() >= FEWEST),
    )


def _told(by_group: dict[str, dict[str, tuple[int, int]]]) -> dict[str, Any]:
    return {
        name: {
            value: {"n": n, "accuracy": right / n, "lower": found.lower, "upper": found.upper}
            for value, (right, n) in groups.items()
            for found in [clopper_pearson(right, n)]
        }
        for name, groups in by_group.items()
    }
