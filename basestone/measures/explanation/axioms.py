"""Do the Shapley values keep their axioms, and how well are they known?

Efficiency: what the players are given is what the whole sample is worth over nothing. Values that sampling estimates
carry a standard error, which must be small against the largest of them before anybody may read an order into them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Measurement, Records
from basestone.measures.bootstrap import cluster_bootstrap
from basestone.measures.interval import exact

SEED = 0


def shapley_residual(records: Records) -> Measurement:
    """The largest of all explained samples: |sum of values − worth of everyone over nobody| by that worth.

    Every explanation is examined, so that there is no sampling error. The worth counts as no less than 0.01 (a
    probability), as a share of nothing says nothing.
    """
    table = records.table("shapley")
    first, given = _first(table), _sums(table)
    worth = table["everyone"][first] - table["nobody"][first]
    residual = np.abs(given - worth) / np.maximum(np.abs(worth), 0.01)
    return Measurement(
        measure="shapley_residual",
        value=float(residual.max()),
        unit="fraction",
        n=len(residual),
        interval=exact(float(residual.max())),
        detail={"mean": float(residual.mean())},
    )


def shapley_error(records: Records) -> Measurement:
    """Mean over samples of the largest standard error by the largest value; 0, exactly, where all values are exact."""
    table = records.table("shapley")
    index, place = np.unique(table["index"], return_inverse=True)
    largest, error = np.zeros(len(index)), np.zeros(len(index))
    np.maximum.at(largest, place, np.abs(table["value"]))
    np.maximum.at(error, place, table["error"])
    share = error / np.maximum(largest, 1e-12)
    value, interval = cluster_bootstrap(lambda totals: totals[..., 0] / len(share), share, index, seed=SEED)
    return Measurement(
        measure="shapley_error",
        value=value,
        unit="1",
        n=len(index),
        interval=exact(0.0) if not error.any() else interval,
        detail={"players": int(table["player"].max()) + 1, "evaluations": int(table["evaluations"].max())},
    )


def _first(table: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """The first row of each sample, in the order of ``np.unique``."""
    return np.unique(table["index"], return_index=True)[1]


def _sums(table: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    index, place = np.unique(table["index"], return_inverse=True)
    sums = np.zeros(len(index))
    np.add.at(sums, place, table["value"])
    return sums
