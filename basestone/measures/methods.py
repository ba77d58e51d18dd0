"""Several methods with several seeds on the same test samples: how each compares with the first one.

Two things vary: which samples were drawn and which seeds. Both are resampled together, samples across all seeds at
once as they are the same for all, in a bootstrap of whole rows and columns (Owen 2007, the pigeonhole bootstrap), so
that a difference is not called real for the luck of three seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE
from basestone.measures.bootstrap import DRAWS, describe, two_way_means


def compare_methods(correct: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, Any]:
    """Method → accuracy (mean, least and greatest over the seeds) and its difference to the first method.

    ``correct``: for each method one vector a seed, 0 or 1 a test sample, in the same order of seeds and samples;
    of numbers what each adds to R², which then stands for accuracy. The difference has one-sided 95 % bounds,
    ``lower`` and ``upper``.
    """
    tables = {name: np.asarray(columns, np.float64) for name, columns in correct.items()}
    first = next(iter(tables.values()))
    return {name: _summary(table) | {"difference": _difference(table - first)} for name, table in tables.items()}


def _summary(table: NDArray[np.float64]) -> dict[str, float]:
    by_seed = table.mean(1)
    return {"accuracy": float(by_seed.mean()), "least": float(by_seed.min()), "greatest": float(by_seed.max())}


def _difference(table: NDArray[np.float64]) -> dict[str, Any]:
    """``table``: seeds × samples of differences."""
    seeds, samples = table.shape
    draws = two_way_means(table, "methods")
    return {
        "value": float(table.mean()),
        "lower": float(np.quantile(draws, 1 - CONFIDENCE)),
        "upper": float(np.quantile(draws, CONFIDENCE)),
        "method": f"pigeonhole bootstrap over {seeds} seeds and {describe(DRAWS, samples, 0)}",
    }
