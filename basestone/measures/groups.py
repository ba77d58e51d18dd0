"""Does the model serve every group alike? Accuracy and error rates by group, and the largest gap between two of them.

A group is a value of a column that travels with the samples (speaker, accent …). How the largest of many gaps is
bounded, and what becomes of small groups: ``fairness.pairs``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.fairness.pairs import (
    Share,
    detail,
    gap_interval,
    pairs,
    ratio_interval,
    shares,
    slightest,
    widest,
)
from basestone.measures.interval import clopper_pearson
from basestone.measures.predictions import Predictions, clean_predictions

Counted = Callable[[Predictions, int], tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def group_accuracy_gap(records: Records) -> Measurement:
    """The largest difference in accuracy between two values of one group column, over all columns."""
    found = shares(records, lambda held: (np.ones(len(held), bool), held.correct))
    return _gap("group_accuracy_gap", records, found, {"groups": _told(found)})


def group_tpr_gap(records: Records) -> Measurement:
    """The largest difference between two groups in the share of a class's samples that is found.

    Each class against the rest, or the declared positive class alone.
    """
    found = _by_class(records, lambda held, of: (held.label == of, held.prediction == of))
    return _gap("group_tpr_gap", records, found, {})


def group_fpr_gap(records: Records) -> Measurement:
    """The largest difference between two groups in the share of other classes' samples that is taken for a class."""
    found = _by_class(records, lambda held, of: (held.label != of, held.prediction == of))
    return _gap("group_fpr_gap", records, found, {})


def group_selection_ratio(records: Records) -> Measurement:
    """The least share of a group that gets the favourable decision, by the greatest of the same column."""
    positive = cast("dict[str, Any]", records.fact("fairness"))["positive"]
    if positive is None:
        raise RecordsMissing("no class is declared the favourable decision; write audit.fairness.positive")
    found = shares(records, lambda held: (np.ones(len(held), bool), held.prediction == positive))
    compared = pairs(found)
    if not any(share.hits for share in found):
        raise RecordsMissing("nobody is selected, so that no share of those selected can be compared")
    least, pair = slightest(compared)
    rates = {f"{share.column}={share.value}": {"n": share.n, "selected": share.rate} for share in found}
    return Measurement(
        measure="group_selection_ratio",
        value=least,
        unit="fraction",
        n=len(clean_predictions(records, "clean_test")),
        interval=ratio_interval(compared),
        detail={**detail(compared, pair), "selection": rates},
    )


def _gap(name: str, records: Records, found: Sequence[Share], more: dict[str, Any]) -> Measurement:
    compared = pairs(found)
    value, pair = widest(compared)
    return Measurement(
        measure=name,
        value=value,
        unit="fraction",
        n=len(clean_predictions(records, "clean_test")),
        interval=gap_interval(compared),
        detail={**detail(compared, pair), **more},
    )


def _by_class(records: Records, counted: Counted) -> list[Share]:
    """The shares of every class that is asked for, each with the class's name."""
    asked = cast("dict[str, Any]", records.fact("fairness"))
    names, positive = asked["classes"], asked["positive"]
    chosen = range(len(names)) if positive is None else [positive]
    return [
        replace(share, of=names[of])
        for of in chosen
        for share in shares(records, lambda held, of=of: counted(held, of))
    ]


def _told(found: Sequence[Share]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for share in found:
        bounds = clopper_pearson(share.hits, share.n)
        row = {"n": share.n, "accuracy": share.rate, "lower": bounds.lower, "upper": bounds.upper}
        rows.setdefault(share.column, {})[share.value] = row
    return rows
