"""The audited model beside others on the same test samples: each one's own score, and the paired difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval, Records, RecordsMissing
from basestone.measures.bootstrap import cluster_bootstrap
from basestone.measures.fairness.pairs import Share, gap_interval, pairs, shares, widest
from basestone.measures.interval import clopper_pearson, paired_difference

OWN = "own"


def beside_rows(records: Records) -> list[dict[str, Any]]:
    """A row each column of ``beside``, the audited model's (``own``) first: value, bounds, difference to it.

    Right answers (0 or 1) give an accuracy; nats, where there is a column ``bytes``, give bits per byte, for which
    less is better. Bounds are one-sided, 95 %. Where the data name groups each row of accuracies has its ``gap``: the
    largest between two groups in accuracy or in the share of a class that is found, and its bounds.
    """
    table = dict(records.table("beside"))
    table.pop("index")
    size = table.pop("bytes", None)
    own = table[OWN]
    gaps = {} if size is not None else _gaps(records, table)
    return [_row(name, values, own, size) | gaps.get(name, {}) for name, values in table.items()]


def _gaps(records: Records, right: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """Model → its gap, of the samples of ``clean_test`` that each gets right; nothing without two groups."""
    try:
        compared = {name: pairs(_served(records, values.astype(bool))) for name, values in right.items()}
    except RecordsMissing:
        return {}
    bounds = {name: gap_interval(found) for name, found in compared.items()}
    return {
        name: {"gap": {"value": widest(found)[0], "lower": bounds[name].lower, "upper": bounds[name].upper}}
        for name, found in compared.items()
    }


def _served(records: Records, right: NDArray[np.bool_]) -> list[Share]:
    """How often each group is answered rightly, in all and of each class."""
    label = records.table("clean_test")["label"]
    found = shares(records, lambda held: (np.ones(len(held), bool), right))
    for of in np.unique(label).tolist():
        mine = label == of
        found += [replace(one, of=str(of)) for one in shares(records, lambda held, mine=mine: (mine, right))]
    return found


def _row(name: str, values: NDArray[Any], own: NDArray[Any], size: NDArray[np.int64] | None) -> dict[str, Any]:
    if size is None:
        unit, (value, bounds) = "accuracy", _accuracy(values)
        gap, between = float(values.mean() - own.mean()), paired_difference(values.astype(bool), own.astype(bool))
    else:
        unit, (value, bounds) = "bit/byte", _bits(values, size)
        gap, between = _bits(values - own, size)
    row = {"name": name, "unit": unit, "n": len(values), "value": value, "lower": bounds.lower, "upper": bounds.upper}
    if name != OWN:
        row |= {"difference": {"value": gap, "lower": between.lower, "upper": between.upper}}
    return row


def _accuracy(correct: NDArray[Any]) -> tuple[float, Interval]:
    return float(correct.mean()), clopper_pearson(int(correct.sum()), len(correct))


def _bits(nats: NDArray[np.float64], size: NDArray[np.int64]) -> tuple[float, Interval]:
    return cluster_bootstrap(
        lambda totals: totals[..., 0] / totals[..., 1],
        np.column_stack([nats / math.log(2), size.astype(np.float64)]),
        np.arange(len(size)),
    )
